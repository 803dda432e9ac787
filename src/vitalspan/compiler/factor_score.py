"""The score of a factor in PromQL: the same ramp on the same signal, for a fleet."""

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
"""The threshold for one sample: a rate times its window is only nearly a whole number."""

_POOLED_BY: Final = frozenset({COMPONENT, "cache", "api", "slo"})
"""The labels that counters keep when they are added up over operations and declared labels."""


@dataclass(frozen=True)
class FactorCompiler:
    """A compiler of the scores of factors.

    Attributes:
        context: the context of the export. Its recorded counters are added up over everything but
            instances and components.
    """

    context: PromqlContext

    def score(self, factor: Factor, level: Grouping, apart: Expression | None = None) -> Expression:
        """Return the PromQL of a factor's score, from 0 to 1, without a sample if it is absent.

        Args:
            factor: the factor to compile.
            level: the labels that distinguish scores; for components, the factor is of traffic or
                alerts.
            apart: the same score by instance as well, if it is recorded.
        """
        if signal_of(factor.query).source is REGISTRY and not level.instance:
            # Values of a process cannot be added, so the worst instance counts. A ramp is
            # monotonic, so the worst value has the lowest score.
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
            # A gauge may be NaN or infinite; neither says anything.
            value = binary(binary(value, ">", -math.inf), "<", math.inf)
        return value


def _is_pooled(query: Query) -> bool:
    """Return whether counters by component, without operations, can answer a query."""
    counted = signal_of(query).source.index is not None
    return counted and all(one.label in _POOLED_BY for one in query.where)


def _where(query: Query, level: Grouping) -> tuple[Matcher, ...]:
    if not level.component or signal_of(query).source is not MONITOR:
        return query.where
    # Alerts may have no component.
    return (*query.where, Matcher(COMPONENT, "!=", ""))


def _ramp(value: Expression, factor: Factor) -> Expression:
    """Return how far a value is on the way from `zero` to `full`, as a ratio."""
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
