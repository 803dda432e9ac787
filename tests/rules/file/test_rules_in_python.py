"""Rules from Python: the same fields and messages, with paths in place of lines."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import yaml

from support.paths import RULE_FILES
from vitalspan.configfile.report import ConfigFileError
from vitalspan.promql.matchers import Matcher
from vitalspan.rules.file.load import build, build_query, build_rule, build_slo, load, parse
from vitalspan.rules.model import Level, Rule, RuleSet, Slo
from vitalspan.signals.query import Derivation, Query

FOLDER = RULE_FILES


def mistakes(make: Any, fields: Any) -> list[str]:
    with pytest.raises(ConfigFileError) as raised:
        make(fields)
    return list(raised.value.mistakes)


@pytest.mark.parametrize("name", ["shop", "every_field", "presets", "health"])
def test_a_mapping_makes_what_a_file_makes(name: str) -> None:
    file = FOLDER / "good" / f"{name}.yml"
    assert build(yaml.safe_load(file.read_text())) == load(file)


def test_numbers_are_in_base_units() -> None:
    rule = build_rule(
        {
            "alert": "A",
            "signal": "latency_p95",
            "where": MappingProxyType({"operation": "checkout", "attempt": 1, "paid": True}),
            "by": ("region",),
            "window": 90,
            "above": OrderedDict(warning=0.5, critical=Fraction(5, 2)),
            "clear": Decimal(0),
            "min_count": 20,
            "for": 1.5,
            "keep_firing_for": 0,
            "labels": {"tier": 1, "share": 0.5, "page": False},
        }
    )
    where = (
        Matcher("operation", "=", "checkout"),
        Matcher("attempt", "=", "1"),
        Matcher("paid", "=", "true"),
    )
    assert rule == Rule(
        "A",
        Query("latency_p95", where=where, by=("region",), window=90.0, quantile=0.95),
        above=True,
        levels=(Level("warning", 0.5, 0.0), Level("critical", 2.5, 0.0)),
        for_seconds=1.5,
        labels=(("tier", "1"), ("share", "0.5"), ("page", "false")),
        min_count=20,
    )


def test_an_slo() -> None:
    made = build_slo({"name": "a", "objective": 0.995, "window": 7 * 86400, "under": 0.3})
    assert made == Slo("a", 0.995, under=0.3, window=7 * 86400.0)


def test_a_query() -> None:
    asked = build_query({"signal": "rate", "where": {"operation": "a"}, "derive": {"slope": "1h"}})
    assert asked == Query(
        "rate",
        where=(Matcher("operation", "=", "a"),),
        whole_window=True,
        derive=Derivation("slope", 3600.0),
    )


def test_an_increase_is_over_its_own_window() -> None:
    fields = {"series": "errors_total", "derive": {"increase": "1d"}}
    asked = build_query(fields)
    assert asked == Query("", series="errors_total", window=86400.0, increase=True)
    # Low values are bad only once there is history of a whole day.
    fewer = build_rule({"alert": "A", "below": 5, **fields}).query
    assert fewer == replace(asked, whole_window=True)
    assert build_rule({"alert": "A", "above": 5, **fields}).query == asked


def test_a_rule_by_itself_may_name_any_slo() -> None:
    made = build_rule({"alert": "A", "signal": "burn_rate", "slo": "a", "above": 10})
    assert made.query.slo == "a"


PLACES: list[tuple[Any, Any, list[str]]] = [
    (build, [], ["rules: a list is not a mapping: use groups, slos, presets and health"]),
    (build, {1: []}, ["rules: 1 is not a name: use a text"]),
    (build, {"group": []}, ["group: unknown field 'group': did you mean groups?"]),
    (
        build,
        {"groups": [{"name": "a", "rules": [{}, {"alert": "A", "signal": "rate", "above": "5%"}]}]},
        [
            "groups[0].rules[0]: alert is missing: add a name such as CheckoutSlow",
            "groups[0].rules[0]: signal is missing: add one such as latency_p95, or a series",
            (
                "groups[0].rules[0]: above or below is missing: add a threshold, such as "
                "above: 500ms"
            ),
            "groups[0].rules[1].above: '5%' is not a number per second: use 100/min",
        ],
    ),
    (
        build,
        {"groups": [{"name": "a", "rules": []}] * 2},
        ["groups[1]: group 'a' is defined already, at groups[0]: rename one of them"],
    ),
    (build_rule, 5, ["rule: 5 is not a mapping: use fields such as alert, signal and above"]),
    (
        build_rule,
        {"alert": "A", "signal": "rate", "above": {"warning": Decimal("snan"), "error": math.inf}},
        [
            "above.warning: nan is not a finite number: use 100/min",
            "above.error: inf is not a finite number: use 100/min",
        ],
    ),
    (
        build_rule,
        {"alert": "A", "signal": "rate", "above": 10**400, "for": -1, "window": 0, "limit": 1},
        [
            "above: inf is not a finite number: use 100/min",
            "for: -1 is not a duration: use 30s, 5m or 1h30m",
            "window: 0 is not a window: use 30s, 5m or 1h30m",
            (
                "limit: unknown field 'limit': there are alert, signal, series, aggregate, "
                "measure, slo, where, by, window, derive, above, below, clear, severity, "
                "min_count, no_data, for, keep_firing_for, labels, annotations"
            ),
        ],
    ),
    (
        build_rule,
        {"alert": "A", "signal": "rate", "above": 1, "expr": "up == 0"},
        ["expr: unknown field 'expr': an expression in PromQL belongs in a rule file"],
    ),
    (
        build_rule,
        {"alert": "A", "signal": "rate", "above": True, "min_count": 2.5, "for": timedelta(1)},
        [
            "above: True is not a number per second: use 100/min",
            "min_count: 2.5 is not a whole number from 0 up: use a number of samples such as 20",
            "for: a value of type timedelta cannot be here: use a text or a number",
        ],
    ),
    (
        build_rule,
        {"alert": "A", "signal": "rate", "above": 1, "where": {"operation": "=~a("}},
        [
            (
                "where.operation: '=~a(' is not a regular expression: missing ), unterminated "
                "subpattern at position 1: use one like =~check.*"
            )
        ],
    ),
    (
        build_rule,
        {"alert": "\udc80", "signal": b"rate", "above": Decimal("nan"), "labels": {"\udc80": "a"}},
        [
            "alert: '\\udc80' is not a Unicode text: leave the surrogate out",
            "signal: a value of type bytes cannot be here: use a text or a number",
            "labels: '\\udc80' is not a Unicode text: leave the surrogate out",
            (
                "labels.?: label '?' is not a valid name: use letters, digits and underscores, "
                "and begin with neither a digit nor two underscores"
            ),
        ],
    ),
    (
        build_slo,
        {"name": "a", "objective": 99.9},
        ["objective: 99.9 is not between 0% and 100%: did you mean 99.9%?"],
    ),
    (
        build_query,
        {"signal": "rate", "above": 1},
        [
            (
                "above: unknown field 'above': there are signal, series, aggregate, measure, slo, "
                "where, by, window, derive"
            )
        ],
    ),
]


@pytest.mark.parametrize(("make", "fields", "expected"), PLACES)
def test_mistakes_have_paths(make: Any, fields: Any, expected: list[str]) -> None:
    assert mistakes(make, fields) == expected


NOT_IN_PYTHON = (
    "yaml_",  # what is wrong is how it is written
    "not_utf8",
    "utf16",
    "duplicate_alert_by_alias",
)


@pytest.mark.parametrize(
    "file",
    [
        file
        for file in sorted((FOLDER / "bad").glob("*.yml"))
        if not file.stem.startswith(NOT_IN_PYTHON)
    ],
    ids=lambda file: file.stem,
)
def test_the_same_messages_as_for_a_file(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    with pytest.raises(ConfigFileError) as of_file:
        parse(text)
    with pytest.raises(ConfigFileError) as of_mapping:
        build(with_nothing(yaml.compose(text, yaml.SafeLoader)))
    said = sorted(message(mistake) for mistake in of_file.value.mistakes)
    assert sorted(message(mistake) for mistake in of_mapping.value.mistakes) == said


def with_nothing(node: Any) -> Any:
    """What a document says, with texts as they are written and None for nothing."""
    if isinstance(node, yaml.MappingNode):
        return {key.value: with_nothing(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [with_nothing(item) for item in node.value]
    return None if node.tag.endswith(":null") else node.value


def message(mistake: str) -> str:
    """A mistake without its place, and without the places that it names."""
    what = mistake.split(": ", 1)[1]
    before, at, after = what.partition(" already, at ")
    return before + at + after.split(": ")[-1] if at else what


def test_what_contains_itself() -> None:
    rules: list[Any] = []
    rules.append(rules)
    found = mistakes(build, {"groups": rules})
    assert any("is nested too deeply: use at most 20 levels" in one for one in found)


def test_other_mappings_are_left_alone() -> None:
    fields: Mapping[str, Any] = MappingProxyType({"groups": ()})
    assert build(fields) == RuleSet()
