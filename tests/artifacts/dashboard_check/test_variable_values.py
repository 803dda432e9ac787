"""Variables have the values that Grafana would give them."""

from __future__ import annotations

from typing import Any

import pytest

from vitalspan.artifacts.dashboard_check.variable_values import (
    VariableRange,
    VariableValues,
    used_variables,
)

SPAN = VariableRange(1000.0, 4600.0, 5.0)

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


def filled(text: str, variable: dict[str, Any] = JOB, **chosen: list[str]) -> str:
    values = VariableValues({str(variable["name"]): variable}, SPAN, chosen)
    result, unknown = values.fill(text)
    assert unknown == []
    return result


@pytest.mark.parametrize(
    ("text", "expected"),
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
def test_variables_are_filled_in(text: str, expected: str) -> None:
    assert filled(text) == expected


def test_a_rate_is_over_four_scrapes_at_least() -> None:
    text = "$__rate_interval $__interval"
    assert VariableValues({}, VariableRange(0, 60, 15), {}).fill(text)[0] == "60s 15s"
    assert VariableValues({}, VariableRange(0, 86400, 15), {}).fill(text)[0] == "375s 360s"
    assert VariableValues({}, VariableRange(0, 60, 1.5), {}).fill(text)[0] == "6s 1500ms"


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (["shop"], "shop"),
        (["shop", "till"], "(shop|till)"),
        (["127.0.0.1:80"], r"127\\.0\\.0\\.1:80"),
        (['a"b\\'], r"a\"b\\\\"),
    ],
)
def test_chosen_values_are_escaped(chosen: list[str], expected: str) -> None:
    assert filled("$job", job=chosen) == expected


def test_a_name_that_is_no_variable_can_be_given_a_value() -> None:
    values = VariableValues({}, SPAN, {"VAR_PREFIX": ["shop_"]})
    assert values.fill("${VAR_PREFIX}calls_total") == ("shop_calls_total", [])


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ({"type": "custom", "query": "0.5,0.95", "current": {"value": "0.95"}}, "0.95"),
        ({"type": "custom", "current": {"value": "0.95"}}, "0.95"),
        ({"type": "custom", "query": "0.5,0.95", "current": {"value": "0.9"}}, "0.5"),
        ({"type": "custom", "query": r"a\,b, c"}, "a,b"),
        ({"type": "custom", "query": "Half : 0.5, Most : 0.95"}, "0.5"),
        ({"type": "custom", "options": [ALL, {"value": "1m"}, {"value": "5m"}]}, "1m"),
        ({"type": "custom", "query": "a,b", "includeAll": True}, "(a|b)"),
        ({"type": "custom", "query": "a,b", "includeAll": True, "allValue": ".*"}, ".*"),
        ({"type": "custom", "query": "a,b", "includeAll": True, "current": ALL}, "(a|b)"),
        ({"type": "custom", "query": "a,b", "current": ALL}, "a"),
        ({"type": "custom"}, ""),
        ({"type": "textbox", "query": "x.y", "current": {"value": "a.b"}}, "a.b"),
        ({"type": "textbox", "query": "x.y"}, "x.y"),
        ({"type": "constant", "query": "c", "current": {"value": "old"}}, "c"),
        ({"type": "constant", "current": {"value": ["c"]}}, "c"),
        ({"type": "interval", "query": "1m,10m,1h"}, "1m"),
        ({"type": "interval", "query": "1m,10m", "current": {"value": "10m"}}, "10m"),
        ({"type": "interval", "current": {"value": "$__auto_interval_v"}}, "15s"),
        ({"type": "interval"}, ""),
        ({"type": "query", "current": {"value": ["a", "b"]}, "multi": True}, "(a|b)"),
        ({"type": "query", "current": {}, "includeAll": True}, ".+"),
        ({"type": "query", "current": ALL, "includeAll": True, "allValue": ".*"}, ".*"),
        ({"type": "query", "current": {}}, ""),
        ({"type": "datasource", "current": {"value": "prom"}}, "prom"),
    ],
)
def test_what_is_chosen_at_first_counts(variable: dict[str, Any], expected: str) -> None:
    assert filled("$v", {"name": "v", **variable}) == expected


LISTED = ["b", "a", "c"]


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ({}, "b"),
        ({"sort": 1}, "a"),
        ({"sort": 2}, "c"),
        ({"multi": True}, "b"),
        ({"current": {"value": "c"}}, "c"),
        ({"current": {"value": "gone"}}, "b"),
        ({"current": {"value": ""}}, "b"),
        ({"current": {"value": ["a", "gone", "c"]}, "multi": True}, "(a|c)"),
        ({"current": {"value": ["gone"]}, "multi": True, "includeAll": True}, "(b|a|c)"),
        ({"current": ALL, "multi": True}, "b"),
        ({"current": {"value": ["$__all"]}, "multi": True, "includeAll": True}, "(b|a|c)"),
        ({"includeAll": True}, "(b|a|c)"),
        ({"includeAll": True, "allValue": ".*"}, ".*"),
    ],
)
def test_a_value_is_chosen_of_those_that_there_are(variable: dict[str, Any], expected: str) -> None:
    values = VariableValues({"v": {"name": "v", "type": "query", **variable}}, SPAN, {})
    values.learn("v", LISTED)
    assert values.fill("$v")[0] == expected


@pytest.mark.parametrize(("fields", "expected"), [({}, ""), ({"includeAll": True}, ".+")])
def test_without_values_nothing_is_chosen_but_all(fields: dict[str, Any], expected: str) -> None:
    saved = {"name": "v", "type": "query", "current": {"value": "gone"}, **fields}
    values = VariableValues({"v": saved}, SPAN, {})
    assert values.learn("v", []) == []
    assert values.fill("$v")[0] == expected


def test_chosen_values_go_before_those_that_there_are() -> None:
    values = VariableValues({"job": JOB}, SPAN, {"job": ["b"]})
    assert values.learn("job", LISTED) == LISTED
    assert values.fill("$job")[0] == "b"
    assert values.each("job") == [{"job": "b"}]


@pytest.mark.parametrize(
    ("fields", "selected"),
    [
        ({}, ["gold"]),
        ({"includeAll": True}, ["gold", "blue", "red"]),
        ({"includeAll": True, "allValue": ".*"}, ["gold", "blue", "red"]),
        ({"multi": True, "current": {"value": ["blue", "red"]}}, ["blue", "red"]),
    ],
)
def test_panels_are_repeated_for_what_is_selected(
    fields: dict[str, Any], selected: list[str]
) -> None:
    tier = {"name": "tier", "type": "custom", "query": "gold,blue,red", **fields}
    values = VariableValues({"tier": tier}, SPAN, {})
    assert [one["tier"] for one in values.each("tier")] == selected


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        (0, ["x10", "X9", "x9", "y"]),
        (1, ["X9", "x10", "x9", "y"]),
        (2, ["y", "x9", "x10", "X9"]),
        (3, ["y", "X9", "x9", "x10"]),
        (4, ["x10", "X9", "x9", "y"]),
        (5, ["x10", "X9", "x9", "y"]),
        (6, ["y", "X9", "x9", "x10"]),
        (7, ["X9", "x9", "x10", "y"]),
        (8, ["y", "x10", "X9", "x9"]),
        (9, ["x10", "X9", "x9", "y"]),
        ("1", ["x10", "X9", "x9", "y"]),
    ],
)
def test_values_are_sorted_as_the_variable_says(sort: object, expected: list[str]) -> None:
    values = VariableValues({"v": {"name": "v", "type": "query", "sort": sort}}, SPAN, {})
    assert values.learn("v", ["x10", "X9", "x9", "y"]) == expected


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
    values = VariableValues({"v": {**variable, "regex": pattern}}, SPAN, {})
    assert values.learn("v", ["x_a_total", "", "x_b_total", "x_a_total", "y"]) == kept
    assert [one["v"] for one in values.each("v")] == kept
    everything = f"({'|'.join(kept)})" if kept else ".+"
    assert values.fill("$v")[0] == everything
    assert values.fill("$v", {"v": "this"})[0] == "this"


def test_unknown_variables_are_told() -> None:
    values = VariableValues({"job": JOB}, SPAN, {})
    assert values.fill("$job $tier ${zone}")[1] == ["tier", "zone"]


def test_variables_are_found_in_a_text() -> None:
    assert used_variables('x{a="$job",b="${zone:regex}"}[[tier]]') == {"job", "zone", "tier"}
