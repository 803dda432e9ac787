"""What a rule file says about health, and the same in Python."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from support.paths import RULE_FILES
from vitalspan.configfile.report import ConfigFileError
from vitalspan.health.factor_models import factors_of
from vitalspan.promql.matchers import Matcher
from vitalspan.rules.file.load import build_component, build_health, load, parse
from vitalspan.rules.scoring import (
    DEFAULT_LEVELS,
    LEVEL_PRESETS,
    Component,
    Factor,
    Levels,
    Scoring,
    merged,
)
from vitalspan.signals.query import Derivation, Query

GOOD = RULE_FILES / "good" / "health.yml"

EVERYTHING = Scoring(
    model="classic",
    factors=(
        Factor(
            "errors",
            Query(
                "error_ratio",
                where=(
                    Matcher("component", "=~", "pay.*"),
                    Matcher("operation", "!=", "probe"),
                ),
                window=600.0,
            ),
            full=0.01,
            zero=0.2,
            weight=40.0,
            min_count=50,
        ),
        Factor(
            "trend",
            Query("latency_mean", derive=Derivation("change", over=1800.0)),
            full=0.1,
            zero=2.0,
            weight=0.0,
        ),
        Factor("tail", Query("latency_p999", quantile=0.999), 0.25, 2.0, 12.5, min_count=20),
        Factor("burn", Query("burn_rate", slo="checkout", window=3600.0), 1.0, 14.4, 10.0),
        Factor("depth", Query("", series="queue_length", aggregate="max"), 1000.0, -5.0, 1.0),
        Factor("free", Query("", series="upstream_health_score"), 100.0, 0.0, 1.0),
        Factor("alerts", Query("alert_points"), 0.0, 100.0, 100.0, deduct=True),
    ),
    levels=(("fine", 90.0), ("so so", 50.5), ("poor", 0.0)),
    fail_below=50.0,
    components=(
        Component("checkout", 3.0, True, ("payments", "the database")),
        Component("payments", depends_on=("the database",)),
        Component("mail", weight=0.0),
        Component('café "x"'),
        Component("search"),
    ),
)


def test_everything_that_can_be_said() -> None:
    assert load(GOOD).health == EVERYTHING
    assert build_health(yaml.safe_load(GOOD.read_text(encoding="utf-8"))["health"]) == EVERYTHING


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("groups: []", None),
        ("health:", Scoring()),
        ("health: ~", Scoring()),
        ("health: {}", Scoring()),
        ("health: {factors: [], components: {}}", Scoring()),
        ("health: {factors:, components:}", Scoring()),
        ("health: pipeline", Scoring(model="pipeline")),
        ("health: {model: slo}", Scoring(model="slo")),
        ("health: {fail_below: 0}", Scoring(fail_below=0.0)),
        ("health: {levels: default}", Scoring(levels=DEFAULT_LEVELS)),
        ("health: {levels: {up: 0}}", Scoring(levels=(("up", 0.0),))),
    ],
)
def test_little_can_be_said(text: str, expected: Scoring | None) -> None:
    assert parse(text).health == expected


def test_a_component_by_itself() -> None:
    made = build_component("db", {"weight": 2, "critical": True, "depends_on": ("disk", "net")})
    assert made == Component("db", 2.0, True, ("disk", "net"))
    assert build_component("db", {}) == Component("db")
    assert build_component("db", {"critical": "true"}) == Component("db", critical=True)


LEVELS: dict[str, Levels] = {
    "default": (("healthy", 80), ("degraded", 60), ("unhealthy", 40), ("critical", 0)),
    "studio": (("healthy", 70), ("degraded", 0)),
    "pipeline": (("excellent", 80), ("good", 60), ("warning", 40), ("critical", 0)),
}


def test_the_levels_that_have_names() -> None:
    assert dict(LEVEL_PRESETS) == LEVELS
    for name, levels in LEVELS.items():
        assert build_health({"levels": name}).levels == levels


PLACES: list[tuple[dict[str, Any], list[str]]] = [
    (
        {"model": "fast"},
        ["model: 'fast' is not a choice here: use service, classic, pipeline or slo"],
    ),
    ({"model": None}, ["model: has no value: use service, classic, pipeline or slo"]),
    ({"modell": "slo"}, ["modell: unknown field 'modell': did you mean model?"]),
    (
        {"fail_below": float("nan")},
        ["fail_below: nan is not allowed: use a number from 0 to 100"],
    ),
    ({"fail_below": True}, ["fail_below: True is not allowed: use a number from 0 to 100"]),
    (
        {"levels": {"a\nb": 10, "c": 0}},
        ["levels.a\nb: 'a\\nb' has invisible characters: use one line"],
    ),
    (
        {"levels": " "},
        [
            "levels: ' ' is empty: use {healthy: 80, degraded: 60, unhealthy: 40, critical: 0}",
        ],
    ),
    (
        {"factors": [{"name": "a", "signal": "health_score", "full": 1, "zero": 0, "weight": 1}]},
        [
            (
                "factors[0].signal: health_score is computed from factors, so no factor "
                "can use it: use the signals that it is computed from"
            )
        ],
    ),
    (
        {"components": {"a": {"weight": -0.5}, "b": None, "c": 5}},
        [
            "components.a.weight: -0.5 is not allowed: use a number from 0 to 1000000",
            "components.c: 5 is not a mapping: use fields such as weight",
        ],
    ),
]


@pytest.mark.parametrize(("fields", "expected"), PLACES)
def test_mistakes_have_paths(fields: dict[str, Any], expected: list[str]) -> None:
    with pytest.raises(ConfigFileError) as refused:
        build_health(fields)
    assert list(refused.value.mistakes) == expected


@pytest.mark.parametrize(
    ("name", "fields", "expected"),
    [
        ("", {}, "name: '' is empty: use a component such as database"),
        (None, {}, "name: has no value: use a component such as database"),
        (["a"], {}, "name: a list is not a text: use a component such as database"),
        ("a" * 201, {}, "name: has 201 characters: use at most 200"),
        ("a\x1b[31m", {}, "name: 'a\\x1b[31m' has invisible characters: use one line"),
        ("a", {"weigth": 1}, "weigth: unknown field 'weigth': did you mean weight?"),
        ("a", {"weight": "x"}, "weight: 'x' is not allowed: use a number from 0 to 1000000"),
        ("a", {"critical": 1}, "critical: 1 is neither true nor false: use one of them"),
        (
            "a",
            {"depends_on": "b"},
            "depends_on: 'b' is not a list: use components such as [database]",
        ),
        ("a", {"depends_on": [""]}, "depends_on[0]: '' is empty: use a component such as database"),
        ("a", {"depends_on": ["b", "b"]}, "depends_on[1]: 'b' is listed twice: keep one of them"),
    ],
)
def test_a_component_that_cannot_be(name: Any, fields: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigFileError) as refused:
        build_component(name, fields)
    assert str(refused.value) == expected


ONE, OTHER = (Factor(name, Query("rate"), 1.0, 0.0, 1.0) for name in ("one", "other"))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (None, None, None),
        (Scoring("slo"), None, Scoring("slo")),
        (None, Scoring("slo"), Scoring("slo")),
        (Scoring("slo", (ONE,)), Scoring(fail_below=1), Scoring("slo", (ONE,), fail_below=1)),
        (Scoring("slo", (ONE,)), Scoring("pipeline"), Scoring("pipeline")),
        (Scoring("slo", (ONE,)), Scoring(factors=(OTHER,)), Scoring(None, (OTHER,))),
        (
            Scoring(fail_below=50, levels=LEVELS["studio"]),
            Scoring(fail_below=0, levels=LEVELS["pipeline"]),
            Scoring(fail_below=0, levels=LEVELS["pipeline"]),
        ),
        (
            Scoring(fail_below=50, levels=LEVELS["studio"]),
            Scoring(),
            Scoring(fail_below=50, levels=LEVELS["studio"]),
        ),
        (
            Scoring(components=(Component("a"), Component("b", 2.0))),
            Scoring(components=(Component("a", 3.0), Component("c"))),
            Scoring(components=(Component("a", 3.0), Component("b", 2.0), Component("c"))),
        ),
    ],
)
def test_the_program_says_it_after_the_file(
    first: Scoring | None, second: Scoring | None, expected: Scoring | None
) -> None:
    assert merged(first, second) == expected


def test_a_factor_of_a_model_is_taken_away_by_its_name_alone() -> None:
    scoring = build_health({"model": "classic", "factors": [{"name": "trend", "weight": 0}]})
    assert [one.name for one in factors_of(scoring, (), "classic")] == [
        "errors",
        "alerts",
        "resources",
    ]
