"""Reads how health is scored: the model, factors, levels and components."""

from __future__ import annotations

from itertools import pairwise
from typing import Final, NamedTuple

from vitalspan import metrics as names
from vitalspan.configfile.fields import Fields
from vitalspan.configfile.nodes import Items, Node, Scalar, is_nothing
from vitalspan.configfile.report import Report
from vitalspan.configfile.values import choice_of, name_of, number_of, text_of
from vitalspan.rules.file import query as asking
from vitalspan.rules.file.query import QueryContext, read_count, read_query, with_whole_window
from vitalspan.rules.scoring import (
    CRITICAL_COMPONENT,
    LEVEL_PRESETS,
    MODELS,
    MOST_WEIGHT,
    NO_DATA,
    Component,
    Factor,
    Levels,
    Scoring,
    cycle_mistake,
)
from vitalspan.signals.catalogue import is_made_of_scores, signal_of
from vitalspan.signals.query import Query
from vitalspan.signals.ranges import never_reached, range_of
from vitalspan.words import shown, suggestion

FIELDS: Final = ("model", "factors", "levels", "fail_below", "components")
COMPONENT_FIELDS: Final = ("weight", "critical", "depends_on")

_QUERY_FIELDS: Final = tuple(field for field in asking.FIELDS if field != "by")
FACTOR_FIELDS: Final = (
    *("name", *_QUERY_FIELDS, "full", "zero", "weight", "min_count", "deduct"),
    *("critical", "least", "full_count"),
)

_HINTS: Final = {
    "above": "use full and zero instead",
    "below": "use full and zero instead",
    "by": "a factor has one value, so leave it out",
}
_USABLE: Final = "a model such as service, or fields such as model and components"
_COMPONENT: Final = "a component such as database"
_LEVELS: Final = "{healthy: 80, degraded: 60, unhealthy: 40, critical: 0}"
_SCORES: Final = "a number from 0 to 100"
_NOTHING: Final = ("0", "0.0")
_MOST_POINTS: Final = 100.0
_MOST_LEAST: Final = 99.0
_OF_ALERTS: Final = frozenset(family.name for family in names.ALERT_FAMILIES)


def read_health(node: Node, context: QueryContext, report: Report) -> Scoring:
    """Return how health is scored; parts with mistakes are reported and left out.

    Args:
        node: a mapping, or just the name of a model.
        context: the SLOs that factors can use.
        report: collects the mistakes.
    """
    if isinstance(node, Scalar) and not is_nothing(node):
        return Scoring(model=choice_of(node, MODELS, report))
    inner = Fields(node, FIELDS, report, usable=_USABLE)
    return Scoring(
        model=inner.choice("model", MODELS),
        factors=_factors(inner, context),
        levels=_levels(inner),
        fail_below=inner.number("fail_below", _SCORES, 0.0, _MOST_POINTS),
        components=_components(inner),
    )


def read_component(name: str, fields: Fields) -> Component:
    """Return the component with these fields."""
    weight = _number(fields, "weight", 1.0, MOST_WEIGHT)
    critical = fields.flag("critical")
    depends_on: list[str] = []
    for node in fields.items_of("depends_on", "components such as [database]"):
        other = name_of(node, _COMPONENT, fields.report)
        if other is not None and other in depends_on:
            fields.report.wrong(node.place, f"{shown(other)} is listed twice: keep one of them")
        elif other is not None:
            depends_on.append(other)
    return Component(name, weight, critical, tuple(depends_on))


def _factors(fields: Fields, context: QueryContext) -> tuple[Factor, ...]:
    factors: dict[str, Factor] = {}
    for node in fields.items_of("factors", "factors, each of which begins with -"):
        factor = _factor(
            Fields(node, FACTOR_FIELDS, fields.report, usable="fields such as name", hints=_HINTS),
            context,
        )
        if factor is None:
            continue
        if factor.name == CRITICAL_COMPONENT:
            problem = f"the name {factor.name} is reserved for critical components"
            fields.report.wrong(node.place, f"{problem}: rename the factor")
        if factor.name in factors:
            problem = f"factor {shown(factor.name)} is defined already: rename one of them"
            fields.report.wrong(node.place, problem)
        factors[factor.name] = factor
    return tuple(factors.values())


def _factor(fields: Fields, context: QueryContext) -> Factor | None:
    name = fields.name("name", "a name such as errors")
    if name and _takes_away(fields):
        return Factor(name, Query("alert_points"), 0.0, 1.0, 0.0)
    query = read_query(fields, context)
    counting = _counting(fields)
    min_count = read_count(fields, "min_count", query)
    full_count = read_count(fields, "full_count", query)
    if query is None:
        return None
    _check_feedback(fields, query)
    values = range_of(query, (context.slos or {}).get(query.slo or ""))
    ends = [fields.value(end, values.unit) for end in ("full", "zero")]
    for end, value in zip(("full", "zero"), ends, strict=True):
        node = fields.get(end)
        if node is not None and value is not None:
            fields.wrong(never_reached(values, value, node), end)
    full, zero = ends
    if full is not None and full == zero:
        fields.wrong("full and zero are the same: use two different values", "zero")
    if name is None or full is None or zero is None or full == zero:
        return None
    if zero < full:
        query = with_whole_window(query)
    return Factor(
        *(name, query, full, zero, counting.weight, min_count, counting.deduct),
        *(counting.critical, counting.least, full_count),
    )


class _Counting(NamedTuple):
    """The weight and importance of a factor."""

    weight: float
    deduct: bool
    critical: bool
    least: float


def _counting(fields: Fields) -> _Counting:
    critical = fields.flag("critical")
    weight = _number(fields, "weight", 0.0 if critical else None, MOST_WEIGHT)
    deduct = fields.flag("deduct")
    least = _number(fields, "least", 0.0, _MOST_LEAST)
    if critical and (weight or deduct):
        fields.wrong(
            "a critical factor limits the score instead: leave weight and deduct out", "critical"
        )
        weight, deduct = 0.0, False
    if least and not critical:
        fields.wrong("least is for critical factors: add critical: true, or leave it out", "least")
        least = 0.0
    if deduct and weight > _MOST_POINTS:
        fields.wrong(f"a factor cannot take {weight:g} points off: use at most 100", "weight")
    return _Counting(weight, deduct, critical, least)


def _takes_away(fields: Fields) -> bool:
    """Return whether a factor only disables the one with its name."""
    node = fields.get("weight")
    nothing = isinstance(node, Scalar) and not is_nothing(node) and str(node.content) in _NOTHING
    return nothing and "signal" not in fields and "series" not in fields


def _check_feedback(fields: Fields, query: Query) -> None:
    """Report a factor that would depend on the score itself."""
    if signal_of(query).of_alerts or not is_made_of_scores(query, ""):
        return
    field = "signal" if query.series is None else "series"
    source = query.series or query.signal
    if source in _OF_ALERTS:
        problem = "includes alerts on the score itself"
        hint = "use the signal alert_points, which leaves them out"
    else:
        problem = "is computed from factors, so no factor can use it"
        hint = "use the signals that it is computed from"
    fields.wrong(f"{source} {problem}: {hint}", field)


def _number(fields: Fields, field: str, default: float | None, most: float) -> float:
    number = fields.number(field, f"a number from 0 to {most:.0f}", 0.0, most)
    if default is None and field not in fields:
        fields.missing(field, "add points such as 30")
    return (default if field not in fields else number) or 0.0


def _levels(fields: Fields) -> Levels | None:
    node = fields.get("levels")
    if isinstance(node, Scalar) and not is_nothing(node):
        preset = text_of(node, _LEVELS, fields.report)
        if preset is not None and preset not in LEVEL_PRESETS:
            problem = (
                f"there are no levels called {shown(preset)}: {suggestion(preset, LEVEL_PRESETS)}"
            )
            fields.report.wrong(node.place, problem)
        return LEVEL_PRESETS.get(preset or "")
    levels = _levels_written(fields)
    if node is None or isinstance(node, Items) or levels is None:
        return None
    if not levels:
        fields.wrong(f"there are no levels: use {_LEVELS}", "levels")
    elif any(first[1] <= second[1] for first, second in pairwise(levels)):
        fields.wrong(f"levels have to be in order, the best first: use {_LEVELS}", "levels")
    elif levels[-1][1] != 0:
        fields.wrong(f"the last level has to begin at 0: use {_LEVELS}", "levels")
    return tuple(levels)


def _levels_written(fields: Fields) -> list[tuple[str, float]] | None:
    """Return the levels as they are written; None if one of them is invalid."""
    levels: list[tuple[str, float]] = []
    usable = True
    for name, place, value in fields.entries_of("levels", _LEVELS):
        name_of(Scalar(place, name), "a name such as healthy", fields.report)
        if name == NO_DATA:
            fields.report.wrong(
                place, f"{NO_DATA} is reserved for services without a score: rename the level"
            )
        begins = number_of(value, _SCORES, fields.report, 0.0, _MOST_POINTS)
        usable = usable and begins is not None
        levels.append((name, begins or 0.0))
    return levels if usable else None


def _components(fields: Fields) -> tuple[Component, ...]:
    components: dict[str, Component] = {}
    for name, place, node in fields.entries_of("components", "names with fields such as weight"):
        name_of(Scalar(place, name), _COMPONENT, fields.report)
        inner = Fields(node, COMPONENT_FIELDS, fields.report, usable="fields such as weight")
        components[name] = read_component(name, inner)
    fields.wrong(cycle_mistake(components.values()), "components")
    return tuple(components.values())
