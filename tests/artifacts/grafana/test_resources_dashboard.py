"""The dashboard of resources."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.dashboards import DASHBOARDS, load
from support.promtool import evaluated

LOAD = {"user": "0+6x20", "idle": "0+8x20", "iowait": "0+1x20"}


def expr(title: str) -> str:
    (found,) = (one for one in DASHBOARDS["resources.json"]["panels"] if one["title"] == title)
    text = re.sub(r"\$(job|instance|component)", ".*", found["targets"][0]["expr"])
    return text.replace("$__rate_interval", "1m")


def test_names_of_others_have_no_prefix() -> None:
    text = str(load("shop_")["resources.json"])
    assert "shop_vitalspan_fold_seconds_sum{" in text
    assert "shop_operation_cpu_seconds_total{" in text
    assert not re.search(r"shop_(process|python|system)_", text)


@pytest.mark.parametrize("instances", [["a"], ["a", "b"]])
def test_processes_on_one_machine_do_not_make_its_cpu_time_more(
    instances: list[str], tmp_path: Path
) -> None:
    series = {
        f'system_cpu_seconds_total{{job="shop",instance="{instance}",mode="{mode}"}}': values
        for instance in instances
        for mode, values in LOAD.items()
    }
    found = evaluated(expr("CPU time by mode"), [], series, ["5m"], tmp_path)["5m"]
    shares = {labels["mode"]: value for labels, value in found}
    assert shares == pytest.approx({"iowait": 1 / 15, "user": 6 / 15})


def test_the_process_nearest_to_its_limit_of_open_files_is_told(tmp_path: Path) -> None:
    series = {
        'process_open_fds{job="shop",instance="a"}': "90x20",
        'process_max_fds{job="shop",instance="a"}': "1000x20",
        'process_open_fds{job="shop",instance="b"}': "60x20",
        'process_max_fds{job="shop",instance="b"}': "100x20",
    }
    assert evaluated(expr("Open files"), [], series, ["5m"], tmp_path)["5m"] == [({}, 0.6)]
