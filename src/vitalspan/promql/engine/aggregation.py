"""Aggregations of numbers: `max`, `quantile`, `count` and the others that are no sums."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from vitalspan.promql.engine.arithmetic import format_number, quantile
from vitalspan.promql.engine.evaluation_context import EvaluationContext
from vitalspan.promql.engine.grouping import Grouping, dropped
from vitalspan.promql.engine.plan import (
    FloatVector,
    ScalarNode,
    Vector,
    VectorNode,
    histograms_of,
    numbers_of,
)
from vitalspan.promql.engine.series import Value


class Aggregation(VectorNode):
    """An aggregation: a value for each group, computed from the values of its elements.

    Args:
        name: of the aggregation.
        aggregate: computes it from numbers; the native histograms of a group are left out.
        vector: the elements.
        grouping: makes groups of them.
    """

    def __init__(
        self,
        name: str,
        aggregate: Callable[[list[float]], float],
        vector: VectorNode,
        grouping: Grouping,
    ) -> None:
        self._name = name
        self._aggregate = aggregate
        self._vector = vector
        self._grouping = grouping

    def evaluate(self, context: EvaluationContext) -> Vector:
        aggregate = self._aggregate
        groups = self._grouping.groups(counted_numbers(self._vector, self._name, context))
        return [
            (dropped(labels, group), aggregate([value for _, value in group]))
            for labels, group in groups.items()
        ]


def counted_numbers(vector: VectorNode, name: str, context: EvaluationContext) -> FloatVector:
    """Return the numbers of a vector, which are all that an aggregation can use."""
    elements = vector.evaluate(context)
    if histograms_of(elements, context):
        context.annotations.inform(f"ignored histogram in {name} aggregation")
    return numbers_of(elements, context)


class Count(VectorNode):
    """The number of elements of each group, or just the group.

    Args:
        vector: the elements.
        grouping: makes groups of them.
        always_one: whether there are only groups.
    """

    def __init__(self, vector: VectorNode, grouping: Grouping, *, always_one: bool) -> None:
        self._vector = vector
        self._grouping = grouping
        self._always_one = always_one

    def evaluate(self, context: EvaluationContext) -> Vector:
        groups = self._grouping.groups(self._vector.evaluate(context))
        return [
            (dropped(labels, group), 1.0 if self._always_one else float(len(group)))
            for labels, group in groups.items()
        ]


class QuantileAggregation(VectorNode):
    """A quantile of each group."""

    def __init__(self, q: ScalarNode, vector: VectorNode, grouping: Grouping) -> None:
        self._q = q
        self._vector = vector
        self._grouping = grouping

    def evaluate(self, context: EvaluationContext) -> Vector:
        q = self._q.evaluate(context)
        check_quantile(q, context)
        groups = self._grouping.groups(counted_numbers(self._vector, "quantile", context))
        return [
            (dropped(labels, group), quantile(q, [value for _, value in group]))
            for labels, group in groups.items()
        ]


def check_quantile(q: float, context: EvaluationContext) -> None:
    """Warn of a quantile that is not between 0 and 1."""
    if not 0 <= q <= 1:
        context.annotations.warn(f"quantile value should be between 0 and 1, got {short_number(q)}")


def short_number(number: float) -> str:
    """Return a number as the messages of Prometheus have it."""
    return f"{number:g}" if math.isfinite(number) else format_number(number)


class CountValues(VectorNode):
    """The number of elements of each group that have the same value, which becomes a label."""

    def __init__(self, label: str, vector: VectorNode, grouping: Grouping) -> None:
        self._label = label
        self._vector = vector
        labels = grouping.labels if grouping.without else (*grouping.labels, label)
        self._grouping = Grouping(labels, without=grouping.without)

    def evaluate(self, context: EvaluationContext) -> Vector:
        labelled = [
            (labels.updated({self._label: _text(value)}), value)
            for labels, value in self._vector.evaluate(context)
        ]
        groups = self._grouping.groups(labelled)
        return [(labels, float(len(group))) for labels, group in groups.items()]


def _text(value: Value) -> str:
    return format_number(value) if isinstance(value, float) else str(value)


def _largest(values: list[float]) -> float:
    numbers = [value for value in values if not math.isnan(value)]
    return max(numbers, default=math.nan)


def _smallest(values: list[float]) -> float:
    numbers = [value for value in values if not math.isnan(value)]
    return min(numbers, default=math.nan)


def _variance(values: list[float]) -> float:
    if any(not math.isfinite(value) for value in values):
        return math.nan
    average = squares = 0.0
    for count, value in enumerate(values, 1):
        delta = value - average
        average += delta / count
        squares += delta * (value - average)
    return squares / len(values)


def _deviation(values: list[float]) -> float:
    return math.sqrt(_variance(values))


AGGREGATES: Final[dict[str, Callable[[list[float]], float]]] = {
    "min": _smallest,
    "max": _largest,
    "stddev": _deviation,
    "stdvar": _variance,
}
"""Aggregations without a parameter that use only numbers."""
