"""The dashboard of an operation."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

import vitalspan as vs
from support.dashboards import DASHBOARDS, load
from support.everything import MEASURES, do_everything
from support.promtool import evaluated
from vitalspan.exposition.generate import generate_latest

Content = dict[str, Any]


@pytest.fixture
def page() -> Content:
    return DASHBOARDS["operation.json"]


def variables(page: Content) -> dict[str, Content]:
    return {one["name"]: one for one in page["templating"]["list"]}


def panel(page: Content, title: str) -> Content:
    (found,) = (one for one in page["panels"] if one["title"] == title)
    return dict(found)


def row(page: Content, title: str) -> list[Content]:
    titles = [one["title"] for one in page["panels"]]
    after = page["panels"][titles.index(title) + 1 :]
    ends = [place for place, one in enumerate(after) if one["type"] == "row"]
    return list(after[: ends[0]] if ends else after)


@pytest.mark.parametrize("prefix", ["", "shop_"])
def test_every_measure_and_no_other_counter_has_a_panel(
    clock: vs.ManualClock, provider: TracerProvider, prefix: str
) -> None:
    registry = CollectorRegistry()
    monitor = vs.Monitor(
        registry=registry, clock=clock, tracer_provider=provider, metric_prefix=prefix
    )
    do_everything(monitor, clock)
    text = generate_latest(registry).decode()
    monitor.close()
    exported = {
        one.name for family in text_string_to_metric_families(text) for one in family.samples
    }
    page = load(prefix)["operation.json"]
    variable = variables(page)["measure"]
    query = variable["query"]["query"]
    wanted, unwanted = (re.search(f'__name__{how}"(.+?)"', query) for how in ("=~", "!~"))
    assert wanted is not None
    assert unwanted is not None
    selected = {
        name
        for name in exported
        if re.fullmatch(wanted.group(1), name) and not re.fullmatch(unwanted.group(1), name)
    }
    kept = re.compile(variable["regex"].strip("/"))
    found = {match.group(1): name for name in selected if (match := kept.search(name))}
    assert set(found) == set(MEASURES)
    counted = panel(page, "$measure")
    assert counted["repeat"] == "measure"
    (target,) = counted["targets"]
    for measure, name in found.items():
        assert f"rate({name}{{" in target["expr"].replace("${measure}", measure)


def test_the_overview_leads_here_with_an_operation_chosen(page: Content) -> None:
    [link] = set(re.findall(r'"url": "(/d/[^"]+)"', json.dumps(DASHBOARDS["overview.json"])))
    assert link.startswith(f"/d/{page['uid']}?")
    assert {"component", "operation"} == set(re.findall(r"var-(\w+)=", link))


def test_caches_and_apis_are_narrowed_down_by_component_alone(page: Content) -> None:
    for one in (*row(page, "Caches"), *row(page, "APIs")):
        for target in one["targets"]:
            assert "$component" in target["expr"], one["title"]
            assert "$operation" not in target["expr"], one["title"]


def test_quantiles_show_exemplars_of_which_a_mean_has_none(page: Content) -> None:
    targets = panel(page, "Quantiles")["targets"]
    exemplars = [target.get("exemplar", False) for target in targets]
    assert exemplars == ["histogram_quantile" in target["expr"] for target in targets]
    heatmap = panel(page, "Heatmap")
    assert heatmap["type"] == "heatmap"
    assert [target["format"] for target in heatmap["targets"]] == ["heatmap"]
    assert heatmap["targets"][0]["exemplar"]


def test_without_an_error_the_errors_are_none_and_not_unknown(
    page: Content, tmp_path: Path
) -> None:
    every = panel(page, "Errors by type")["targets"][0]["expr"]
    expr = re.sub(r"\$(job|instance|component|operation)", ".*", every)
    expr = expr.replace("$__rate_interval", "1m")
    labels = 'job="shop",instance="a",component="c",operation="o"'
    calls = {f"operation_duration_seconds_count{{{labels}}}": "0+15x20"}
    errors = {f'operation_errors_total{{{labels},error_type="E"}}': "0+3x20"}
    assert evaluated(expr, [], {}, ["5m"], tmp_path)["5m"] == []
    assert evaluated(expr, [], calls, ["5m"], tmp_path)["5m"] == [({}, 0.0)]
    assert evaluated(expr, [], calls | errors, ["5m"], tmp_path)["5m"] == [({}, pytest.approx(0.2))]
