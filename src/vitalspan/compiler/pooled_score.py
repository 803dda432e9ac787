"""Scores in PromQL, computed from the recorded scores of factors as `health.score` does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from vitalspan.compiler.recorded_names import (
    EFFECTIVE,
    POOLED,
    UNCAPPED,
    Grouping,
    RecordedNames,
)
from vitalspan.health.component_graph import ComponentGraph
from vitalspan.health.score import BEST, CRITICAL_COMPONENT
from vitalspan.metrics import COMPONENT
from vitalspan.promql.expression import (
    Aggregation,
    Binary,
    Expression,
    Parentheses,
    VectorSelector,
    any_of,
    binary,
    call,
)
from vitalspan.promql.matchers import Matcher
from vitalspan.promql.operators import Layout
from vitalspan.rules.scoring import Component, Factor

FACTOR: Final = "factor"

_USUAL_WEIGHT: Final = Component("").weight

_Weigh = Callable[[float, Expression], Expression]
"""A function of a weight and a series that returns their product in some form."""


def _weighted(weight: float, series: Expression) -> Expression:
    return series if weight == 1 else weight * series


def _weighted_presence(weight: float, series: Expression) -> Expression:
    return _weighted(weight, Parentheses(series.compare(">= bool", 0)))


def _weighted_lack(weight: float, series: Expression) -> Expression:
    return _weighted(weight, Parentheses(1 - series))


def one_of(label: str, values: Sequence[str], *, none: bool = False) -> Matcher:
    """Return the condition that a label has one of some values, or none of them."""
    if len(values) == 1:
        return Matcher(label, "!=" if none else "=", values[0])
    return Matcher(label, "!~" if none else "=~", "|".join(map(re.escape, values)))


class ScoreCompiler:
    """A compiler of the scores of one level.

    Args:
        level: the labels that distinguish them.
        factors: the possible factors at this level.
        recorded: the names of the series.
    """

    def __init__(self, level: Grouping, factors: Iterable[Factor], recorded: RecordedNames) -> None:
        self._level = level
        every = list(factors)
        self._limiting = [factor for factor in every if factor.critical]
        self._counted = [one for one in every if not one.deduct and not one.critical]
        self._deducted = [factor for factor in every if factor.deduct]
        self._recorded = recorded
        self._series = recorded.factor_score(level)

    @property
    def is_known(self) -> bool:
        """True if there can be a score, which needs more than deductions."""
        return bool(self._counted or self._limiting)

    def weights(self) -> Expression:
        """Return the points of each known factor, which add up to 100.

        Deductions and factors that limit the score have no points.
        """
        pointless = [*self._deducted, *self._limiting]
        if not self._counted:
            return 0 * self._of(pointless)
        weights = self._sum_of(self._counted, _weighted_presence)
        whole = self._by("sum", weights)
        points = self._for_each(BEST * Parentheses(weights), "/", whole, layout="lines")
        return any_of(points, 0 * self._of(pointless)) if pointless else points

    def lost(self) -> Expression | None:
        """Return the points that each known factor loses; deductions no more than are left.

        Factors that limit the score are not included; None if there are no others.
        """
        if not self._counted:
            return None
        weights = self._recorded.factor_weight(self._level)
        points = _of(weights, self._counted) * (1 - self._of(self._counted))
        if not self._deducted:
            return points
        taken = Parentheses(self._sum_of(self._deducted, _weighted_lack))
        left = Parentheses(self.weighted())
        return any_of(
            points,
            self._for_each(taken, "<=", left),
            self._for_each(0 * taken, "+", left),
        )

    def weighted(self) -> Expression:
        """Return the weighted mean of the known factors in points."""
        if len({factor.weight for factor in self._counted}) == 1:
            return BEST * self._by("avg", self._of(self._counted))
        above, below = (
            self._by("sum", self._sum_of(self._counted, weigh))
            for weigh in (_weighted, _weighted_presence)
        )
        return binary(BEST * above, "/", below, layout="lines")

    def deducted(self, score: Expression) -> Expression:
        """Return a score minus the deductions, but not below zero."""
        if not self._deducted:
            return score
        # Without known deductions, nothing is deducted.
        lost = any_of(self._sum_of(self._deducted, _weighted_lack), 0 * self._of(self._counted))
        return call("clamp_min", score - self._by("sum", lost), 0)

    def score(self) -> Expression:
        """Return the weighted mean minus the deductions, within the limits of critical factors."""
        if not self._limiting:
            return self._mean()
        limits = self._by("min", self._limits(self._limiting))
        if not self._counted:
            return limits
        mean = self._mean()
        lower = binary(Parentheses(limits), "<", Parentheses(mean), on=self._level.labels)
        return any_of(lower, mean, limits)

    def lost_to_limits(self) -> Iterator[tuple[Factor, Expression]]:
        """Yield each critical factor, and the points that it takes from what its predecessors left.

        Its series needs the label `factor` added.
        """
        for index, factor in enumerate(self._limiting):
            whole: Expression = 0 * self._of([factor]) + BEST
            if self._counted:
                mean = self._mean()
                score = Parentheses(mean)
                on = self._level.labels
                whole = any_of(mean, binary(Parentheses(whole), "unless", score, on=on))
            before = whole
            if index:
                before = any_of(self._limits(self._limiting[:index]), whole)
            left, limit = self._by("min", before), self._by("min", self._limits([factor]))
            yield factor, call("clamp_min", Parentheses(left) - Parentheses(limit), 0)

    def capped(self, score: Expression, critical: Sequence[str]) -> Expression:
        """Return a score that is limited by the worst critical component."""
        return any_of(self.worst(critical) < score, score)

    def worst(self, critical: Sequence[str]) -> Expression:
        """Return the lowest effective score of the critical components."""
        level = self._level._replace(component=True)
        series = self._recorded.score(level, EFFECTIVE)
        return self._by("min", VectorSelector(series, (one_of(COMPONENT, critical),)))

    def critical_score(self, critical: Sequence[str]) -> Expression:
        """Return the worst critical component as a factor, if there is a score at all."""
        uncapped = VectorSelector(self._recorded.score(self._level, UNCAPPED))
        worst = self.worst(critical) / BEST
        return binary(worst, "and", uncapped, on=self._level.labels, layout="lines")

    def critical_weight(self) -> Expression:
        """Return the points of the worst critical component, which are always zero."""
        return 0 * _of(self._series, [CRITICAL_COMPONENT])

    def _mean(self) -> Expression:
        return self.deducted(self.weighted())

    def _limits(self, factors: Sequence[Factor]) -> Expression:
        """Return the limits of critical factors on the score, grouped by their lowest score."""
        by_least: dict[float, list[Factor]] = {}
        for factor in factors:
            by_least.setdefault(factor.least, []).append(factor)
        limits = []
        for least, alike in by_least.items():
            limit = (BEST - least) * self._of(alike)
            limits.append(limit + least if least else limit)
        return any_of(*limits)

    def _of(self, factors: Sequence[Factor]) -> VectorSelector:
        return _of(self._series, factors)

    def _by(self, function: str, vector: Expression) -> Aggregation:
        return Aggregation(function, self._level.labels, vector)

    def _for_each(
        self, factors: Expression, operator: str, whole: Expression, layout: Layout = "one line"
    ) -> Binary:
        """Return an operation between many factors on the left and one sample on the right."""
        on = self._level.labels
        return binary(factors, operator, whole, on=on, group_left=True, layout=layout)

    def _sum_of(self, factors: Sequence[Factor], weigh: _Weigh) -> Expression:
        """Return the sum over factors, grouped by weight."""
        by_weight: dict[float, list[Factor]] = {}
        for factor in factors:
            by_weight.setdefault(factor.weight, []).append(factor)
        return any_of(*(weigh(weight, self._of(alike)) for weight, alike in by_weight.items()))


def _of(series: str, factors: Sequence[Factor]) -> VectorSelector:
    return VectorSelector(series, (one_of(FACTOR, [factor.name for factor in factors]),))


@dataclass(frozen=True)
class ComponentScores:
    """Writes the scores of components, and what those of a whole are made of.

    Attributes:
        whole: the level of the whole.
        graph: the graph of the components.
        recorded: the names of the series.
    """

    whole: Grouping
    graph: ComponentGraph
    recorded: RecordedNames

    def factor_of_whole(self, factor: Factor, score: Expression) -> Expression:
        """Return a factor's score of the whole service: the weighted mean over the components.

        Args:
            factor: a factor of traffic.
            score: the score if no component has a known score.
        """
        series = self.recorded.factor_score(self._level)
        if not all(one.weight for one in self.graph.declared.values()):
            # Components without weight make it absent: then nothing replaces their mean.
            known, on = _of(series, [factor]), self.whole.labels
            score = binary(Parentheses(score), "unless", known, on=on, layout="lines")
        return any_of(self._mean(factor, series), score)

    def effective(self, component: str) -> Expression:
        """Return the least score of a component and of all that it depends on, directly or not."""
        dependencies = one_of(COMPONENT, self.graph.reached_from(component))
        own = VectorSelector(self.recorded.score(self._level, POOLED), (dependencies,))
        return Aggregation("min", self.whole.labels, own)

    @property
    def _level(self) -> Grouping:
        return self.whole._replace(component=True)

    def _mean(self, factor: Factor, series: str) -> Expression:
        of_factor = one_of(FACTOR, [factor.name])
        unusual: dict[float, list[str]] = {}
        for one in self.graph.declared.values():
            if one.weight != _USUAL_WEIGHT:
                unusual.setdefault(one.weight, []).append(one.name)
        named = [name for names in unusual.values() for name in names]
        others = [one_of(COMPONENT, named, none=True)] if named else []
        usual = VectorSelector(series, (of_factor, *others))
        heavy = [
            (weight, VectorSelector(series, (of_factor, one_of(COMPONENT, names))))
            for weight, names in unusual.items()
            if weight
        ]
        labels = self.whole.labels
        if not heavy:
            return Aggregation("avg", labels, usual)
        weights = [*heavy, (_USUAL_WEIGHT, usual)]
        above, below = (
            Aggregation("sum", labels, any_of(*(weigh(*one) for one in weights)))
            for weigh in (_weighted, _weighted_presence)
        )
        return binary(above, "/", below, layout="lines")
