"""The PromQL of rules: the value of the query, and the condition of each level."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

from vitalspan.compiler.fleet_query import FleetQuery
from vitalspan.promql.context import DEFAULT_CONTEXT, PromqlContext
from vitalspan.promql.expression import (
    Aggregation,
    Expression,
    Parentheses,
    VectorSelector,
    all_of,
    any_of,
    binary,
    call,
)
from vitalspan.promql.matchers import Matcher
from vitalspan.rules.model import Level, Rule
from vitalspan.signals.query import Query

_NO_VALUE: Final = math.nan
"""The value of alerts without one; otherwise they would show the 1 of their substitute."""

_MISSED_FOR: Final = "1h"
"""How long a gauge that has disappeared still counts as missing."""


def expression(
    query: Query, context: PromqlContext = DEFAULT_CONTEXT, *, worst: str = "max"
) -> Expression:
    """Return the PromQL for the value of a query, including derived values.

    It has one sample for each combination of `job`, the query's labels and, if asked for,
    `instance`; without data it has no sample, or NaN. The signal `absent` has no labels.

    Args:
        query: the query to compile.
        context: the context of the export.
        worst: how to combine instances whose values cannot be added: `max` or `min`.

    Raises:
        KeyError: for an unknown signal.
    """
    return FleetQuery.of(query, context, worst=worst).value()


def condition(rule: Rule, level: Level, context: PromqlContext = DEFAULT_CONTEXT) -> Expression:
    """Return PromQL that has a sample for each alert of a rule's level.

    Conditions that depend on the present alert, `clear` and `no_data: keep`, are read from
    `ALERTS`, in which Prometheus writes the alerts of each evaluation.

    Args:
        rule: the rule to compile.
        level: one of its levels.
        context: the context of the export.

    Raises:
        KeyError: for an unknown signal.
    """
    worst = "max" if rule.above else "min"
    return _Condition(rule, level, FleetQuery.of(rule.query, context, worst=worst)).expression()


class _Condition:
    """The condition of one level, in parts.

    Args:
        rule: the rule to compile.
        level: one of its levels.
        fleet: the rule's query.
    """

    def __init__(self, rule: Rule, level: Level, fleet: FleetQuery) -> None:
        self._rule = rule
        self._level = level
        self._fleet = fleet

    def expression(self) -> Expression:
        level = self._level
        holds = self._beyond(level.threshold)
        if level.clear is not None and level.clear != level.threshold:
            held = self._beyond(level.clear)
            on = self._own_labels()
            still = binary(held, "and", self._firing(), on=on, layout="right side below")
            holds = any_of(holds, still)
        return any_of(all_of(holds, *self._enough()), *self._without_data())

    def _beyond(self, threshold: float) -> Expression:
        rule, fleet = self._rule, self._fleet
        operator = ">" if rule.above else "<"
        derivation = rule.query.derive
        if derivation is not None:
            derived = fleet.derived(derivation)
            sides = [derived.value, derived.otherwise] if not rule.above else [derived.value]
            values = [side.compare(operator, threshold) for side in sides if side is not None]
            return all_of(any_of(*values), *derived.guards)
        windows = fleet.windows()
        amount = fleet.signal.amount
        if rule.query.increase and amount is not None and amount.whole and threshold % 1 == 0:
            # Prometheus extrapolates to the ends of the window: five errors become 5.0009.
            windows = tuple(call("round", window) for window in windows)
        if len(windows) == 1 or rule.above:
            # The smaller of two values is above a threshold only if both are.
            return all_of(*(window.compare(operator, threshold) for window in windows))
        return fleet.known().compare(operator, threshold)

    def _enough(self) -> list[Expression]:
        least = self._rule.min_count
        samples = self._fleet.samples() if least else None
        bad_events = self._fleet.bad_events()
        enough: list[Expression] = [] if samples is None else [samples >= least]
        if bad_events is not None:
            enough.append(bad_events >= self._rule.query.min_bad)
        return enough

    def _without_data(self) -> list[Expression]:
        """Return the substitutes for alerts whose value is unknown, one for each kind."""
        fleet, no_data = self._fleet, self._rule.no_data
        if no_data == "ok" or not fleet.labels:
            return []
        data = Parentheses(self._data())
        if no_data == "keep":
            labels = self._own_labels()
            firing = _NO_VALUE * Aggregation("max", labels, self._firing())
            return [binary(firing, "unless", data, on=labels, layout="lines")]
        series = fleet.series()
        present = series if fleet.lasting() else call("last_over_time", fleet.series(_MISSED_FOR))
        placeholder = _NO_VALUE * Aggregation("group", fleet.labels, present)
        missing: list[Expression] = [binary(placeholder, "unless", data, layout="lines")]
        if self._rule.query.whole_window:
            # Series that are too young to be judged are not missing.
            missing = [all_of(*missing, fleet.older())]
        if not self._rule.query.by:
            missing.append(_NO_VALUE * call("absent", call("group", series)))
        return missing

    def _data(self) -> Expression:
        """Return an expression that has samples where there is data."""
        query, enough = self._rule.query, self._enough()
        if enough and query.derive is None and query.short is None:
            return enough[0]
        fleet = self._fleet
        if query.whole_window and query.derive is None:
            fleet = replace(fleet, query=replace(query, whole_window=False))
        presence = fleet.known() if query.derive is None else fleet.value()
        return all_of(presence, *enough)

    def _own_labels(self) -> tuple[str, ...]:
        """Return the labels that alerts get from their values."""
        set_by_rule = dict(self._rule.labels)
        return tuple(label for label in self._fleet.labels if label not in set_by_rule)

    def _firing(self) -> Expression:
        """Return the series of the firing alerts of this level."""
        named = {
            "alertname": self._rule.alert,
            "alertstate": "firing",
            "severity": self._level.severity,
        }
        # The result of a template in a label is not known in advance.
        plain = {name: text for name, text in self._rule.labels if "{{" not in text}
        labels = (named | plain).items()
        return VectorSelector("ALERTS", tuple(Matcher(name, "=", text) for name, text in labels))
