"""Dashboards ask for native histograms where there are any, and for classic ones elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.dashboards import load, metric, queries, vectors
from support.prometheus_server import is_prometheus_2
from support.promtool import evaluated
from vitalspan.artifacts.grafana.dashboard_files import files
from vitalspan.artifacts.grafana.queries import Queries
from vitalspan.cli.main import main

DURATION = "operation_duration_seconds"

NATIVE, CLASSIC = Queries(), Queries(native_histograms=False)


@pytest.mark.parametrize("prefix", ["", "shop_"])
def test_whatever_asks_for_classic_durations_asks_for_native_ones_first(prefix: str) -> None:
    pages = load(prefix)
    # The rules record what is on this page, from classic histograms.
    del pages["fleet.json"]
    asking = 0
    for page in pages.values():
        for query in queries(page):
            asked = [metric(vector) for vector in vectors(query.text)]
            classic = [one for one in asked if one.startswith(f"{prefix}{DURATION}_")]
            if classic and "__name__" not in query.text:
                assert asked.count(f"{prefix}{DURATION}") == len(classic), query
                asking += 1
    assert asking > 30


def test_without_native_histograms_no_function_of_theirs_is_used(tmp_path: Path) -> None:
    main(["grafana", "export", "--to", str(tmp_path), "--classic-histograms"])
    texts = {path.name: path.read_text() for path in tmp_path.glob("*.json")}
    assert texts == files(native_histograms=False)
    for text in texts.values():
        assert "histogram_count" not in text
        assert "histogram_sum" not in text
    variable = 'label_values(operation_duration_seconds_count{job=~\\"$job\\"'
    assert variable in texts["operation.json"]


LABELS = 'component="c",operation="o"'


def test_instances_with_histograms_of_either_kind_add_up(tmp_path: Path) -> None:
    if is_prometheus_2("promtool"):
        pytest.skip("promtool 2.42 cannot be given native histograms")
    rate = NATIVE.signal("rate", (), over="1m")
    mean = NATIVE.signal("latency_mean", (), over="1m")
    classic = f'job="shop",instance="a",{LABELS}'
    native = f'job="shop",instance="b",{LABELS}'
    both = f'job="shop",instance="c",{LABELS}'
    histogram = "{{schema:0 sum:0 count:0 buckets:[0]}}+{{schema:0 sum:3 count:6 buckets:[6]}}x20"
    series = {
        f"{DURATION}_count{{{classic}}}": "0+3x20",
        f"{DURATION}_sum{{{classic}}}": "0+3x20",
        f"{DURATION}{{{native}}}": histogram,
        # Of a server that keeps both kinds, one of them counts.
        f"{DURATION}{{{both}}}": histogram,
        f"{DURATION}_count{{{both}}}": "0+6x20",
        f"{DURATION}_sum{{{both}}}": "0+3x20",
    }
    ((_, calls),) = evaluated(rate, [], series, ["4m"], tmp_path)["4m"]
    assert calls == pytest.approx((3 + 6 + 6) / 15)
    ((_, seconds),) = evaluated(mean, [], series, ["4m"], tmp_path)["4m"]
    assert seconds == pytest.approx((3 + 3 + 3) / (3 + 6 + 6))
