"""What all dashboards have in common, beside the rules of grafana/dashboard-linter."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from support.dashboards import DASHBOARDS, Dashboard, panels, targets, variables
from vitalspan.artifacts.grafana.dashboard_files import files

ORDER = ["datasource", "job", "instance", "component", "operation"]


@pytest.fixture(params=DASHBOARDS)
def name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def dashboard(name: str) -> Dashboard:
    return DASHBOARDS[name]


def test_a_uid_is_fixed_and_nobody_elses(name: str, dashboard: Dashboard) -> None:
    assert dashboard["uid"] == f"vitalspan-{name.removesuffix('.json')}"
    assert len(dashboard["uid"]) <= 40, "Grafana refuses longer ones"
    assert not dashboard.get("id")
    titles = [one["title"] for one in DASHBOARDS.values()]
    assert titles.count(dashboard["title"]) == 1
    assert dashboard["title"].startswith("vitalspan / ")
    assert dashboard["description"].endswith(".")


def test_dashboards_lead_to_each_other_with_time_and_variables(dashboard: Dashboard) -> None:
    assert dashboard["tags"] == ["vitalspan"]
    [link] = [one for one in dashboard["links"] if one["type"] == "dashboards"]
    assert link["tags"] == ["vitalspan"]
    assert link["keepTime"] is True
    assert link["includeVars"] is True


def test_links_of_values_lead_to_dashboards_that_exist(dashboard: Dashboard) -> None:
    known = {one["uid"]: {v["name"] for v in variables(one)} for one in DASHBOARDS.values()}
    for url in re.findall(r'"url": "(/[^"]*)"', json.dumps(dashboard)):
        found = re.match(r"/d/([\w-]+)\?", url)
        assert found, url
        assert found[1] in known
        assert "${__url_time_range}" in url
        assert "${datasource:queryparam}" in url
        given = {*re.findall(r"var-(\w+)=", url), *re.findall(r"\$\{(\w+):queryparam\}", url)}
        assert given <= known[found[1]]
        assert {"datasource", "job"} <= given


def test_all_values_are_chosen_at_first(dashboard: Dashboard) -> None:
    names = [one["name"] for one in variables(dashboard)]
    common = [one for one in names if one in ORDER]
    assert names[: len(common)] == common == [one for one in ORDER if one in common]
    assert common[:3] == ORDER[:3]
    for variable in variables(dashboard)[1:]:
        assert variable["multi"] is True
        assert variable["includeAll"] is True
        assert variable["current"]["value"] == "$__all"
        if not variable.get("regex"):
            assert variable["allValue"] == ".+"


def test_every_variable_is_used(dashboard: Dashboard) -> None:
    used = {name for query in targets(dashboard) for name in re.findall(r"\$\{?(\w+)", query.text)}
    known = {one["name"] for one in variables(dashboard)} - {"datasource"}
    assert known <= used
    assert used - known <= {"__rate_interval", "__interval", "__range"}


def test_legends_are_shown(dashboard: Dashboard) -> None:
    for panel in panels(dashboard):
        if panel["type"] in ("timeseries", "state-timeline", "barchart", "piechart"):
            assert panel["options"]["legend"]["showLegend"] is True, panel["title"]
            assert all(one.get("legendFormat") for one in panel["targets"]), panel["title"]
        if panel["type"] == "heatmap":
            assert panel["options"]["legend"]["show"] is True, panel["title"]


def test_descriptions_are_sentences(dashboard: Dashboard) -> None:
    for panel in panels(dashboard):
        said = panel["description"]
        assert said.endswith((".", "?")), panel["title"]
        assert said != panel["title"]
        assert len(said) >= 20, said


def test_thresholds_rise(dashboard: Dashboard) -> None:
    for panel in panels(dashboard):
        steps = panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", [])
        values = [step.get("value") for step in steps]
        assert values[:1] in ([], [None]), panel["title"]
        assert values[1:] == sorted(values[1:]), panel["title"]


def test_queries_have_letters_of_their_own(dashboard: Dashboard) -> None:
    for panel in panels(dashboard):
        letters = [target["refId"] for target in panel["targets"]]
        assert len(letters) == len(set(letters)), panel["title"]


def test_panels_have_numbers_and_places_of_their_own(dashboard: Dashboard) -> None:
    numbers = [panel["id"] for panel in every_panel(dashboard)]
    assert len(numbers) == len(set(numbers))
    # What is in a collapsed row lies where it will be once the row is open.
    for one, other in itertools.combinations(dashboard["panels"], 2):
        assert not overlap(one["gridPos"], other["gridPos"]), (one["title"], other["title"])
    for panel in every_panel(dashboard):
        place = panel["gridPos"]
        assert place["x"] >= 0
        assert place["x"] + place["w"] <= 24, panel["title"]
        assert place["h"] > 0
        assert place["w"] > 0


def every_panel(dashboard: Dashboard) -> list[dict[str, Any]]:
    return [*dashboard["panels"], *(one for row in dashboard["panels"] for one in inside(row))]


def inside(row: dict[str, Any]) -> list[dict[str, Any]]:
    return row.get("panels") or []


def overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return all(
        one[at] < other[at] + other[size] and other[at] < one[at] + one[size]
        for at, size in (("x", "w"), ("y", "h"))
    )


def test_panels_that_overlap_would_be_found() -> None:
    place = {"x": 0, "y": 0, "w": 12, "h": 8}
    assert overlap(place, {"x": 11, "y": 7, "w": 12, "h": 8})
    assert not overlap(place, {"x": 12, "y": 0, "w": 12, "h": 8})
    assert not overlap(place, {"x": 0, "y": 8, "w": 12, "h": 8})


def test_a_data_source_is_only_chosen(name: str) -> None:
    text, other = files()[name], files(datasource="of-mine")[name]
    changed = [
        (before, after)
        for before, after in zip(text.splitlines(), other.splitlines(), strict=True)
        if before != after
    ]
    assert {after.strip(' ",') for _, after in changed} == {'text": "of-mine', 'value": "of-mine'}
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    assert {json.dumps(one) for one in sources(json.loads(text))} == {json.dumps(chosen)}


def sources(part: Any) -> Iterator[Any]:
    """Every data source that is named anywhere."""
    if isinstance(part, dict):
        if "datasource" in part:
            yield part["datasource"]
        part = list(part.values())
    if isinstance(part, list):
        for one in part:
            yield from sources(one)


def test_dashboards_are_the_same_each_time() -> None:
    assert files() == files()
