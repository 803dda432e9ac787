"""The document of rules: each in a sentence, in PromQL, with its value now and how near it is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from vitalspan.compiler.condition import condition, expression
from vitalspan.compiler.context import context_of
from vitalspan.describe.rule_text import rule_sentence, slo_sentence
from vitalspan.page.documents.promql import promql_of_budget
from vitalspan.promql.context import PromqlContext
from vitalspan.rules.alert_states import AlertStates
from vitalspan.rules.error_budget import SloStatus
from vitalspan.rules.expression_state import ExpressionState
from vitalspan.rules.model import Rule
from vitalspan.rules.rule_state import RuleState
from vitalspan.signals.catalogue import unit_of

if TYPE_CHECKING:
    from vitalspan.monitor import Monitor

MOST_RULES: Final = 500
"""Rules in one document, at most."""

MOST_VALUES: Final = 20
"""Values of one rule, the nearest to the threshold."""

_FARTHEST: Final = 100.0
"""Nearness at most, of a value that is beyond its threshold."""

_RANKS: Final = {"firing": 2, "pending": 1, "inactive": 0}

State = Literal["inactive", "pending", "firing"]


@dataclass(frozen=True)
class RuleValue:
    """The value of one series, or group of series, that a rule looks at.

    Attributes:
        labels: the labels that distinguish it from others of the rule.
        value: the value at the last evaluation, in the base unit of the rule; None without data.
        samples: the number of its samples.
        nearness: how near it is to the first threshold, as a share of the way from zero, or back to
            zero if low values are bad: 1 at the threshold, up to 100 beyond it; None if that is
            undefined.
    """

    labels: Mapping[str, str]
    value: float | None
    samples: float
    nearness: float | None


@dataclass(frozen=True)
class RuleThreshold:
    """The threshold of one severity.

    Attributes:
        severity: info, warning, error or critical.
        threshold: the threshold in the base unit of the rule; None for an expression.
        promql: the condition of the exported rule.
    """

    severity: str
    threshold: float | None
    promql: str


@dataclass(frozen=True)
class RuleRow:
    """A rule.

    Attributes:
        alert: the name of its alerts.
        group: the name of its group.
        sentence: a sentence about when its alerts fire and clear.
        state: the most advanced state of its alerts.
        unit: the base unit of its values: seconds, ratio, bytes, dollars or number, with `/s` for a
            rate.
        above: whether values above the thresholds are bad; None for an expression.
        thresholds: by severity, the least severe first.
        values: the nearest to the threshold first.
        promql: the value in PromQL.
    """

    alert: str
    group: str
    sentence: str
    state: State
    unit: str
    above: bool | None
    thresholds: tuple[RuleThreshold, ...]
    values: tuple[RuleValue, ...]
    promql: str


@dataclass(frozen=True)
class SloRow:
    """A service level objective.

    Attributes:
        name: the name of the SLO.
        sentence: a sentence about its objective.
        statuses: the status of each of its error budgets.
        promql: the remaining error budget in PromQL.
    """

    name: str
    sentence: str
    statuses: tuple[SloStatus, ...]
    promql: str


@dataclass(frozen=True)
class Rules:
    """The rules in force.

    Attributes:
        at: when this was created, in seconds since the Unix epoch.
        rules: the rules in the order of their definitions.
        slos: the SLOs in the order of their definitions.
        total: the number of all rules, including those that are left out.
    """

    at: float
    rules: tuple[RuleRow, ...]
    slos: tuple[SloRow, ...]
    total: int


def rules(monitor: Monitor, _: dict[str, Any]) -> Rules:
    """Return every rule in a sentence and in PromQL, with its value now, and every SLO."""
    book = monitor.rules
    in_force = book.in_force
    context = context_of(in_force, PromqlContext(book.prefix))
    with monitor.evaluation.reading_rules() as engine:
        every = engine.rule_states()
        found = [_Found(state) for state in every[:MOST_RULES]]
    statuses: dict[str, list[SloStatus]] = {}
    for status in book.slos():
        statuses.setdefault(status.name, []).append(status)
    return Rules(
        at=monitor.clock.wall(),
        rules=tuple(one.row(context) for one in found),
        slos=tuple(
            SloRow(
                slo.name,
                slo_sentence(slo),
                tuple(statuses.get(slo.name, ())),
                promql_of_budget(monitor, slo.name),
            )
            for slo in in_force.slos
        ),
        total=len(every),
    )


class _Found:
    """The state of a rule, read while it cannot change.

    Args:
        state: the state of the rule.
    """

    def __init__(self, state: AlertStates) -> None:
        self._rule_state = state
        phases = [one.dominant_level() for one in list(state.instances.values())]
        reached = [phase for _, phase in filter(None, phases)]
        self._state: Any = max(reached, key=_RANKS.__getitem__, default="inactive")
        self._values = tuple(_values(state))

    def row(self, context: PromqlContext) -> RuleRow:
        state = self._rule_state
        if isinstance(state, RuleState):
            return self._signal_row(state, state.rule, context)
        expr = state.rule.expr if isinstance(state, ExpressionState) else ""
        sentence = f"{state.alert} fires for each series that the expression gives."
        severity = next(iter(state.severities), "")
        return RuleRow(
            alert=state.alert,
            group=state.group,
            sentence=sentence,
            state=self._state,
            unit="number",
            above=None,
            thresholds=(RuleThreshold(severity, None, expr),),
            values=self._values,
            promql=expr,
        )

    def _signal_row(self, state: RuleState, rule: Rule, context: PromqlContext) -> RuleRow:
        return RuleRow(
            alert=state.alert,
            group=state.group,
            sentence=rule_sentence(rule),
            state=self._state,
            unit=str(unit_of(rule.query)),
            above=rule.above,
            thresholds=tuple(
                RuleThreshold(one.severity, one.threshold, str(condition(rule, one, context)))
                for one in rule.levels
            ),
            values=self._values,
            promql=str(expression(rule.query, context, worst="max" if rule.above else "min")),
        )


def _values(state: AlertStates) -> Iterator[RuleValue]:
    if not isinstance(state, RuleState):
        for key, instance in list(state.instances.items())[:MOST_VALUES]:
            prominence = instance.dominant_level()
            if prominence is not None:
                labels = state.labels(key, prominence[0])
                yield RuleValue(labels, instance.value, 1, None)
        return
    rule = state.rule
    names, first = rule.query.by, rule.levels[0].threshold
    found = [
        RuleValue(
            dict(zip(names, key, strict=True)),
            reading.value,
            reading.samples,
            _nearness(reading.value, first, above=rule.above),
        )
        for key, reading in state.readings.items()
    ]
    yield from sorted(found, key=lambda one: -(one.nearness or 0.0))[:MOST_VALUES]


def _nearness(value: float | None, threshold: float, *, above: bool) -> float | None:
    """Return how near a value is to a threshold."""
    if value is None or not math.isfinite(value) or threshold <= 0 or value < 0:
        return None
    part, whole = (value, threshold) if above else (threshold, value)
    return min(_FARTHEST, part / whole) if whole else _FARTHEST
