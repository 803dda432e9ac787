"""A factor's score in PromQL: the same ramp on the same signal, over a fleet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from vitalspan import names
from vitalspan.health.recorded import Level
from vitalspan.health.survey import is_traffic
from vitalspan.names import COMPONENT
from vitalspan.rules.fleet import Fleet
from vitalspan.rules.model import RuleSet
from vitalspan.rules.operators import COMPARISON, PRODUCT, SUM, all_of, enclosed, number, part
from vitalspan.rules.promql import DEFAULT_STEP
from vitalspan.rules.scoring import Factor
from vitalspan.signals.catalogue import signal_of
from vitalspan.signals.health import is_made_of_scores
from vitalspan.signals.matching import Matcher
from vitalspan.signals.promql import NOTHING_RECORDED, Recorded, Selection
from vitalspan.signals.query import Query

_HALF: Final = 0.5
"""Samples are whole numbers, but a rate over a window times that window is only nearly one."""

_POOLED_BY: Final = frozenset({COMPONENT, "cache", "api", "slo"})
"""Labels that counters keep when they are added up over operations and what users declare."""


def alerts_on_scores(rules: RuleSet, prefix: str) -> tuple[str, ...]:
    """Return the names of the alerts that do not count against the score: they read it."""
    return tuple(
        dict.fromkeys(
            rule.alert
            for group in rules.groups
            for rule in group.rules
            if is_made_of_scores(rule.query, prefix)
        )
    )


@dataclass(frozen=True)
class Ramps:
    """Writes the scores of factors.

    Attributes:
        prefix: before the names of vitalspan's own metrics.
        objectives: of the SLOs by name.
        not_counted: names of the alerts that do not count against a score.
        pooled: finds counters that are added up over everything but instances and components.
        step: seconds between two evaluations.
    """

    prefix: str = ""
    objectives: Mapping[str, float] = field(default_factory=dict)
    not_counted: tuple[str, ...] = ()
    pooled: Recorded = NOTHING_RECORDED
    step: float = DEFAULT_STEP

    def score(self, factor: Factor, level: Level, apart: str = "") -> str:
        """Return PromQL with a factor's score, from 0 to 1, and no sample where it is absent.

        Args:
            factor: which.
            level: what it is told apart by; where that is components, one of traffic or alerts.
            apart: the same told apart by instances as well, if it is recorded.
        """
        if signal_of(factor.query).source == "registry" and not level.instance:
            # What is of a process has no sum, so the worst instance counts. A ramp never turns,
            # so the worst value has the least score.
            every = apart or self.score(factor, level._replace(instance=True))
            return f"min by ({', '.join(level.labels)}) {enclosed(every)}"
        fleet = self._fleet(factor, level)
        score = _ramp(self._value(fleet), factor)
        samples = fleet.samples() if factor.min_count else None
        if samples is None:
            return score
        return all_of(score, f"{part(samples, SUM)} >= {number(factor.min_count - _HALF)}")

    def _fleet(self, factor: Factor, level: Level) -> Fleet:
        query = factor.query
        if level.component:
            query = replace(query, by=(COMPONENT,))
        selection = Selection(
            where=_where(query, level),
            window=query.window,
            by=query.by,
            worst="max" if factor.zero > factor.full else "min",
            per_instance=level.instance,
            prefix=self.prefix,
            recorded=self.pooled if is_pooled(query) else NOTHING_RECORDED,
            objectives=self.objectives,
            not_counted=self.not_counted,
        )
        return Fleet(query, selection, self.step)

    def _value(self, fleet: Fleet) -> str:
        query, signal = fleet.query, signal_of(fleet.query)
        if not signal.groups:
            # `absent` of Prometheus forgets whose calls are missing.
            return f"{fleet.selection.sum_rate(_CALLS)} == bool 0"
        value = fleet.known() if query.derive is None else fleet.value()
        if signal.source == "registry":
            # A gauge may be no number, or endless; neither says anything.
            value = f"{part(value, COMPARISON)} > -Inf < Inf"
        return value


_CALLS: Final = f"{names.OPERATION_DURATION.name}_count"


def is_pooled(query: Query) -> bool:
    """Whether a query can be answered by counters that know components, but no operations."""
    counted = signal_of(query).source in ("operations", "caches", "apis", "slos")
    return counted and all(one.label in _POOLED_BY for one in query.where)


def _where(query: Query, level: Level) -> tuple[Matcher, ...]:
    if not level.component or signal_of(query).source != "monitor":
        return query.where
    # Alerts may be about no component.
    return (*query.where, Matcher(COMPONENT, "!=", ""))


def _ramp(value: str, factor: Factor) -> str:
    """Return the share of the way from `zero` to `full` that a value has gone."""
    full, zero = factor.full, factor.zero
    far, near = (zero, full) if zero > full else (full, zero)
    length = number(far) if near == 0 else f"({number(far)} - {number(near)})"
    if far == zero:
        gone = f"{number(zero)} - {part(value, PRODUCT)}"
    else:
        gone = f"{part(value, SUM)} - {number(zero)}" if zero else value
    if length != "1":
        gone = f"{part(gone, PRODUCT)} / {length}"
    return f"clamp({gone}, 0, 1)"


def traffic_of(factors: Iterable[Factor]) -> list[Factor]:
    """Return the factors that are about what components do."""
    return [factor for factor in factors if is_traffic(factor)]
