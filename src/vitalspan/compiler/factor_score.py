"""A factor's score in PromQL: the same ramp on the same signal, over a fleet."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from vitalspan.compiler.fleet_query import FleetQuery
from vitalspan.compiler.recorded_names import Grouping
from vitalspan.metrics import COMPONENT
from vitalspan.promql.context import PromqlContext
from vitalspan.promql.expression import Aggregation, Expression, Parentheses, all_of, binary, call
from vitalspan.promql.matchers import Matcher
from vitalspan.rules.scoring import Factor
from vitalspan.signals.catalogue import signal_of
from vitalspan.signals.query import Query
from vitalspan.signals.source import MONITOR, REGISTRY

_HALF: Final = 0.5
"""Samples are whole numbers, but a rate over a window times that window is only nearly one."""

_POOLED_BY: Final = frozenset({COMPONENT, "cache", "api", "slo"})
"""Labels that counters keep when they are added up over operations and what users declare."""


@dataclass(frozen=True)
class FactorCompiler:
    """Writes the scores of factors.

    Attributes:
        context: of the export. Its recorded counters are added up over everything but instances
            and components.
    """

    context: PromqlContext

    def score(self, factor: Factor, level: Grouping, apart: Expression | None = None) -> Expression:
        """Return PromQL with a factor's score, from 0 to 1, and no sample where it is absent.

        Args:
            factor: that is compiled.
            level: what it is told apart by; where that is components, one of traffic or alerts.
            apart: the same told apart by instances as well, if it is recorded.
        """
        if signal_of(factor.query).source is REGISTRY and not level.instance:
            # What is of a process has no sum, so the worst instance counts. A ramp never turns,
            # so the worst value has the least score.
            if apart is None:
                apart = self.score(factor, level._replace(instance=True))
            return Aggregation("min", level.labels, apart)
        fleet = self._fleet(factor, level)
        score = _ramp(self._value(fleet), factor)
        samples = fleet.samples() if factor.min_count or factor.full_count else None
        if samples is None:
            return score
        if factor.full_count:
            lost = Parentheses(1 - score, "one line")
            score = 1 - lost * call("clamp_max", samples / factor.full_count, 1)
        if not factor.min_count:
            return score
        return all_of(score, samples >= factor.min_count - _HALF)

    def _fleet(self, factor: Factor, level: Grouping) -> FleetQuery:
        query = replace(factor.query, where=_where(factor.query, level))
        if level.component:
            query = replace(query, by=(COMPONENT,))
        context = self.context if _is_pooled(query) else self.context.unrecorded()
        context = replace(context, per_instance=level.instance)
        return FleetQuery.of(query, context, worst="max" if factor.zero > factor.full else "min")

    def _value(self, fleet: FleetQuery) -> Expression:
        query, signal = fleet.query, fleet.signal
        if signal.grouped_promql is not None:
            return signal.grouped_promql(fleet.selection, query)
        value = fleet.known() if query.derive is None else fleet.value()
        if signal.source is REGISTRY:
            # A gauge may be no number, or endless; neither says anything.
            value = binary(binary(value, ">", -math.inf), "<", math.inf)
        return value


def _is_pooled(query: Query) -> bool:
    """Return whether counters by component, without operations, can answer a query."""
    counted = signal_of(query).source.index is not None
    return counted and all(one.label in _POOLED_BY for one in query.where)


def _where(query: Query, level: Grouping) -> tuple[Matcher, ...]:
    if not level.component or signal_of(query).source is not MONITOR:
        return query.where
    # Alerts may be about no component.
    return (*query.where, Matcher(COMPONENT, "!=", ""))


def _ramp(value: Expression, factor: Factor) -> Expression:
    """Return the share of the way from `zero` to `full` that a value has gone."""
    full, zero = factor.full, factor.zero
    far, near = (zero, full) if zero > full else (full, zero)
    distance = value
    if far == zero:
        distance = zero - value
    elif zero:
        distance = value - zero
    if near:
        distance = distance / binary(far, "-", near)
    elif far != 1:
        distance = distance / far
    return call("clamp", distance, 0, 1)
