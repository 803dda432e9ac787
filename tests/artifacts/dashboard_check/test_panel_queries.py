"""All that a dashboard asks a Prometheus is found, and its data sources are resolved."""

from __future__ import annotations

from typing import Any

import pytest

from vitalspan.artifacts.dashboard_check.datasources import Datasource, Datasources
from vitalspan.artifacts.dashboard_check.panel_queries import (
    PanelQuery,
    import_inputs,
    panels,
    queries_of,
)

JOB = {"name": "job", "type": "query", "query": {"query": "label_values(up, job)"}}
MIXED = {"type": "datasource", "uid": "-- Mixed --"}
TEMPO = {"type": "tempo", "uid": "t"}


def dashboard(*variables: dict[str, object], **fields: object) -> dict[str, object]:
    return {"uid": "u", "title": "t", "panels": [], "templating": {"list": variables}, **fields}


def targets(*exprs: str, **fields: object) -> list[dict[str, object]]:
    return [{"refId": "ABC"[place], "expr": expr, **fields} for place, expr in enumerate(exprs)]


def texts(*panels: dict[str, object]) -> list[str]:
    return [query.text for query in queries_of(dashboard(panels=list(panels)))]


def test_everything_that_is_asked_is_found() -> None:
    old = {"title": "old", "targets": [{"refId": "A", "expr": "a", "instant": True}]}
    row = {"type": "row", "title": "row", "panels": [old]}
    panel = {
        "title": "new",
        "datasource": {"type": "prometheus", "uid": "x"},
        "repeat": "job",
        "targets": [
            {"refId": "A", "expr": "b", "instant": True, "range": True},
            {"refId": "B", "expr": ["no text"]},
            {"refId": "C"},
        ],
    }
    traces = {"title": "traces", "datasource": TEMPO, "targets": [{"expr": "{}"}]}
    annotations = [
        {"name": "built in"},
        {"name": "alerts", "expr": "d"},
        {"name": "starts", "target": {"expr": "e"}},
        {"name": "odd", "target": "f"},
    ]
    everything = dashboard(
        JOB,
        {"name": "datasource", "type": "datasource", "query": "prometheus"},
        {"name": "old", "type": "query", "query": "metrics(x)"},
        panels=[row, panel, traces],
        annotations={"list": annotations},
    )
    assert queries_of(everything) == [
        PanelQuery("u", "t", "variable", "job", "", "label_values(up, job)", instant=True),
        PanelQuery("u", "t", "variable", "old", "", "metrics(x)", instant=True),
        PanelQuery("u", "t", "panel", "old", "A", "a", instant=True),
        PanelQuery("u", "t", "panel", "new", "A", "b", repeat=("job",)),
        PanelQuery("u", "t", "annotation", "alerts", "", "d"),
        PanelQuery("u", "t", "annotation", "starts", "", "e"),
    ]
    assert [one.name for one in queries_of(everything)][1:4] == ["variable old", "old A", "new A"]


def test_hidden_queries_are_asked_only_for_expressions() -> None:
    hidden = {"refId": "A", "expr": "a", "hide": True}
    shown = {"refId": "B", "expr": "b"}
    expression = {"refId": "C", "expression": "$A", "datasource": {"type": "__expr__", "uid": "x"}}
    assert texts({"targets": [hidden, shown]}) == ["b"]
    assert texts({"targets": [hidden, shown, expression]}) == ["a", "b"]


def test_the_data_source_of_a_panel_goes_before_those_of_its_queries() -> None:
    of_tempo = targets("a", datasource=TEMPO)
    assert texts({"datasource": {"type": "prometheus", "uid": "p"}, "targets": of_tempo}) == ["a"]
    for mixed in (MIXED, "-- Mixed --"):
        assert texts({"datasource": mixed, "targets": [*of_tempo, *targets("b")]}) == ["b"]
    assert texts({"targets": [*of_tempo, *targets("b")]}) == ["b"]
    assert texts({"datasource": {"type": "loki"}, "targets": targets("c")}) == []
    assert texts({"datasource": "-- Dashboard --", "targets": targets("c")}) == []


def test_panels_belong_to_rows_that_are_repeated() -> None:
    inside = [{"title": "b"}, {"title": "c", "repeat": "tier"}]
    listed = [
        {"title": "a"},
        {"type": "row", "repeat": "job", "panels": inside},
        {"title": "d"},
        {"title": "e", "repeat": "tier"},
        {"type": "row"},
        {"title": "f"},
        {"title": "saved repetition", "repeatPanelId": 4},
    ]
    assert [(panel["title"], repeat) for panel, repeat in panels({"panels": listed})] == [
        ("a", ()),
        ("b", ("job",)),
        ("c", ("job", "tier")),
        ("d", ("job",)),
        ("e", ("job", "tier")),
        ("f", ()),
    ]


def test_variables_come_after_those_that_they_use() -> None:
    def variable(name: str, query: str) -> dict[str, object]:
        return {"name": name, "type": "query", "query": query}

    operation = variable("operation", 'label_values(up{job="$job"}, operation)')
    found = queries_of(dashboard(operation, variable("zone", "label_values(zone)"), JOB))
    assert [one.title for one in found] == ["zone", "job", "operation"]
    circle = [variable("a", "label_values($b)"), variable("b", "label_values($a)")]
    assert [one.title for one in queries_of(dashboard(*circle))] == ["a", "b"]
    assert [one.title for one in queries_of(dashboard(variable("a", "query_result($a)")))] == ["a"]


def test_what_an_import_asks_for_is_known() -> None:
    inputs = [{"name": "DS_PROMETHEUS", "type": "datasource", "pluginId": "prometheus"}, "odd"]
    assert import_inputs({"__inputs": inputs}) == ["DS_PROMETHEUS"]
    assert import_inputs({"__inputs": None}) == import_inputs({}) == []


VARIABLES: dict[str, dict[str, Any]] = {
    "datasource": {"name": "datasource", "type": "datasource", "query": "prometheus"},
    "logs": {"name": "logs", "type": "datasource", "query": "loki"},
    "which": {"name": "which", "type": "custom", "query": "one,other"},
}
IS_PROMETHEUS = Datasource()
IS_NOT = Datasource(is_prometheus=False)


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        (None, IS_PROMETHEUS),
        ("default", IS_PROMETHEUS),
        ({}, IS_PROMETHEUS),
        ("Prometheus", IS_PROMETHEUS),
        ({"uid": "x"}, IS_PROMETHEUS),
        ({"type": "prometheus"}, IS_PROMETHEUS),
        ({"type": "prometheus", "uid": "x"}, IS_PROMETHEUS),
        ({"type": "grafana-amazonprometheus-datasource", "uid": "x"}, IS_PROMETHEUS),
        ({"type": "loki", "uid": "x"}, IS_NOT),
        ("-- Grafana --", IS_NOT),
        ({"type": "__expr__", "uid": "__expr__"}, IS_NOT),
        (MIXED, IS_NOT),
        ("$datasource", IS_PROMETHEUS),
        ("[[datasource]]", IS_PROMETHEUS),
        ({"uid": "${datasource}"}, IS_PROMETHEUS),
        ({"type": "prometheus", "uid": "${logs}"}, IS_NOT),
        ("$which", IS_PROMETHEUS),
        ({"type": "loki", "uid": "$which"}, IS_NOT),
        ("$given", IS_PROMETHEUS),
        ({"type": "loki", "uid": "${gone}"}, IS_NOT),
    ],
)
def test_data_sources_are_resolved(named: object, expected: Datasource) -> None:
    datasources = Datasources(VARIABLES, given=["given"])
    assert datasources.of({"datasource": named}) == expected


@pytest.mark.parametrize(
    "named", ["${DS_PROMETHEUS}", {"type": "prometheus", "uid": "$DS_PROMETHEUS"}]
)
def test_a_data_source_that_is_no_variable_of_the_dashboard_does_not_resolve(named: object) -> None:
    source = Datasources(VARIABLES).of({"datasource": named})
    assert source.is_prometheus
    assert source.problem == (
        "no such data source: ${DS_PROMETHEUS}, which is not a variable of the dashboard"
    )


def test_only_data_sources_that_are_known_resolve() -> None:
    datasources = Datasources(VARIABLES, known=["prom", "Prometheus"])
    for named in (None, "Prometheus", {"uid": "prom"}, "$datasource", TEMPO):
        assert datasources.of({"datasource": named}).problem == ""
    for named in ("Old", {"type": "prometheus", "uid": "Old"}):
        problem = datasources.of({"datasource": named}).problem
        assert problem == "no such data source: Old; --datasource gives Prometheus, prom"


def test_queries_know_that_their_data_source_does_not_resolve() -> None:
    panel = {"datasource": "$gone", "targets": targets("a")}
    [query] = queries_of(dashboard(panels=[panel]))
    assert query.problem.startswith("no such data source: ${gone}")
