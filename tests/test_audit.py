"""Reading dashboards and their queries, without a server."""

from __future__ import annotations

import promql_parser
import pytest
import yaml

from dashboards import DASHBOARDS, expanded, queries, vectors
from vitalspan.artifacts.audit.filling import Filling, Span
from vitalspan.artifacts.audit.questions import Question, questions
from vitalspan.artifacts.audit.selectors import Selector, selectors
from vitalspan.artifacts.export import RULES, export
from vitalspan.demo.alerts import RULES as DEMO_RULES
from vitalspan.rules.file import load
from vitalspan.rules.slos import expand

SPAN = Span(1000.0, 4600.0, 5.0)


def promql_of_everything() -> list[str]:
    rules = yaml.safe_load(export(expand(load(DEMO_RULES)))[RULES])
    found = [expanded(query.text) for one in DASHBOARDS.values() for query in queries(one)]
    return found + [rule["expr"] for group in rules["groups"] for rule in group["rules"]]


ODD = [
    'rate({__name__=~"x.*",a!="b}"}[5m] offset 1d)',
    "sum by (job) (x) / on (job) group_left (version) y{a='}'}",
    "sum(x) by (job) > bool inf",
    "topk(3, max without (le) (x @ end()))  # of y\n and z",
    "max_over_time(rate(x[5m])[1h:1m]) - -y",
    "label_replace(x, 'a', '$1', 'b', `(.*)`) * 1e-3 + 0x1F",
    'count_values("v", x) unless ignoring (v) y',
    "job:x:rate5m{slo!~'a|b',}",
    "histogram_quantile(.9, x) ^ 2 % 3 atan2 y",
    "vector(1)",
    'x{a="\\"}"}',
]


@pytest.mark.parametrize("promql", [*ODD, "all dashboards and rules"])
def test_selectors_are_those_of_a_parser(promql: str) -> None:
    for text in promql_of_everything() if promql.startswith("all") else [promql]:
        read_again = [vector for one in selectors(text) for vector in vectors(str(one))]
        assert {*map(said, read_again)} == {*map(said, vectors(text))}, text


def said(vector: promql_parser.VectorSelector) -> tuple[str, ...]:
    """A selector's name and matchers."""
    return (vector.name or "", *map(str, vector.matchers.matchers))


def test_a_selector_knows_how_long_ago_it_is() -> None:
    [now, before, later] = selectors("rate(x[5m]) / rate(x[5m] offset 1d) - x offset -1h")
    assert (now, before.ago, later.ago) == (Selector("x", ()), " offset 1d", " offset -1h")
    assert str(before) == "x offset 1d"


def dashboard(*variables: dict[str, object], **fields: object) -> dict[str, object]:
    return {"uid": "u", "title": "t", "panels": [], "templating": {"list": variables}, **fields}


ALL = {"selected": True, "text": "All", "value": "$__all"}
JOB = {
    "name": "job",
    "type": "query",
    "query": {"query": "label_values(up, job)"},
    "multi": True,
    "includeAll": True,
    "allValue": ".+",
    "current": ALL,
}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ('x{job=~"$job"}', 'x{job=~".+"}'),
        ('x{job=~"${job}"}', 'x{job=~".+"}'),
        ('x{job=~"${job:regex}"}', 'x{job=~".+"}'),
        ('x{job=~"[[job]]"}', 'x{job=~".+"}'),
        ("rate(x[$__rate_interval])", "rate(x[20s])"),
        ("rate(x[$__interval])", "rate(x[15s])"),
        ("x[$__range] + $__range_s + $__range_ms", "x[3600s] + 3600 + 3600000"),
        ("x * $__interval_ms", "x * 15000"),
        ("x > $__from / $__to", "x > 1000000 / 4600000"),
        ('label_replace(x, "a", "$1", "b", "(.*)$")', 'label_replace(x, "a", "$1", "b", "(.*)$")'),
    ],
)
def test_variables_are_filled_in(text: str, filled: str) -> None:
    assert Filling(dashboard(JOB), SPAN, {}).fill(text) == (filled, [])


def test_a_rate_is_over_four_scrapes_at_least() -> None:
    text = "$__rate_interval $__interval"
    assert Filling(dashboard(), Span(0, 60, 15), {}).fill(text)[0] == "60s 15s"
    assert Filling(dashboard(), Span(0, 86400, 15), {}).fill(text)[0] == "375s 360s"
    assert Filling(dashboard(), Span(0, 60, 1.5), {}).fill(text)[0] == "6s 1500ms"


@pytest.mark.parametrize(
    ("chosen", "filled"),
    [
        (["shop"], "shop"),
        (["shop", "till"], "(shop|till)"),
        (["127.0.0.1:80"], r"127\\.0\\.0\\.1:80"),
        (['a"b\\'], r"a\"b\\\\"),
    ],
)
def test_chosen_values_are_escaped(chosen: list[str], filled: str) -> None:
    assert Filling(dashboard(JOB), SPAN, {"job": chosen}).fill("$job")[0] == filled


@pytest.mark.parametrize(
    ("variable", "filled"),
    [
        ({"type": "custom", "current": {"value": "0.95"}}, "0.95"),
        ({"type": "textbox", "current": {"value": "a.b"}}, "a.b"),
        ({"type": "constant", "current": {"value": ["c"]}}, "c"),
        ({"type": "query", "current": {}}, ".+"),
        ({"type": "query", "current": {"value": ["a", "b"]}, "multi": True}, "(a|b)"),
        ({"type": "query", "current": {"value": [""]}}, ".+"),
        ({"type": "custom", "current": ALL, "allValue": ".*"}, ".*"),
        (
            {
                "type": "custom",
                "current": ALL,
                "includeAll": True,
                "options": [ALL, {"value": "1m"}, {"value": "5m"}],
            },
            "(1m|5m)",
        ),
        ({"type": "interval"}, ""),
    ],
)
def test_what_is_chosen_at_first_counts(variable: dict[str, object], filled: str) -> None:
    assert Filling(dashboard({"name": "v", **variable}), SPAN, {}).fill("$v")[0] == filled


@pytest.mark.parametrize(
    ("pattern", "kept"),
    [
        ("", ["x_a_total", "x_b_total", "y"]),
        ("/^x_(.+)_total$/", ["a", "b"]),
        ("/x_(?<value>.)_(?<text>.*)/i", ["a", "b"]),
        ("x_.", ["x_a", "x_b"]),
        ("/(?<!x_)b/", []),
        ("/(/", ["x_a_total", "x_b_total", "y"]),
    ],
)
def test_the_pattern_of_a_variable_leaves_some_values(pattern: str, kept: list[str]) -> None:
    variable = {"name": "v", "type": "query", "multi": True, "includeAll": True, "current": ALL}
    filling = Filling(dashboard({**variable, "regex": pattern}), SPAN, {})
    assert filling.learn("v", ["x_a_total", "", "x_b_total", "x_a_total", "y"]) == kept
    assert [one["v"] for one in filling.each("v")] == kept
    everything = f"({'|'.join(kept)})" if kept else ".+"
    assert filling.fill("$v")[0] == everything
    assert filling.fill("$v", {"v": "this"})[0] == "this"


def test_unknown_variables_are_told() -> None:
    assert Filling(dashboard(JOB), SPAN, {}).fill("$job $tier ${zone}")[1] == ["tier", "zone"]


def test_everything_that_is_asked_is_found() -> None:
    tempo = {"type": "tempo", "uid": "t"}
    old = {"title": "old", "targets": [{"refId": "A", "expr": "a", "instant": True}]}
    row = {"type": "row", "title": "row", "panels": [old]}
    panel = {
        "title": "new",
        "datasource": {"type": "prometheus", "uid": "x"},
        "repeat": "job",
        "targets": [
            {"refId": "A", "expr": "b", "instant": True, "range": True},
            {"refId": "B", "expr": "c", "datasource": tempo},
            {"refId": "C"},
        ],
    }
    traces = {"title": "traces", "datasource": tempo, "targets": [{"expr": "{}"}]}
    annotations = {"list": [{"name": "built in"}, {"name": "alerts", "expr": "d"}]}
    everything = dashboard(
        JOB,
        {"name": "datasource", "type": "datasource", "query": "prometheus"},
        {"name": "old", "type": "query", "query": "metrics(x)"},
        panels=[row, panel, traces],
        annotations=annotations,
    )
    assert questions(everything) == [
        Question("u", "t", "variable", "job", "", "label_values(up, job)", instant=True),
        Question("u", "t", "variable", "old", "", "metrics(x)", instant=True),
        Question("u", "t", "panel", "old", "A", "a", instant=True),
        Question("u", "t", "panel", "new", "A", "b", repeat="job"),
        Question("u", "t", "annotation", "alerts", "", "d"),
    ]
    assert [one.name for one in questions(everything)][1:4] == ["variable old", "old A", "new A"]
