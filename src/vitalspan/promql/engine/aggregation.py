"""Aggregations of numbers: `max`, `quantile`, `count` and all others except sums."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from vitalspan.promql.engine.arithmetic import format_number, largest, quantile, smallest
from vitalspan.promql.engine.evaluation_context import EvaluationContext
from vitalspan.promql.engine.grouping import Grouping
from vitalspan.promql.engine.plan import (
    FloatVector,
    ScalarNode,
    Vector,
    VectorNode,
    histograms_of,
    numbers_of,
)
from vitalspan.promql.engine.series import Value


@dataclass(eq=False)
class Aggregation(VectorNode):
    """An aggregation: one value for each group, computed from the values of its elements.

    Attributes:
        name: the name of the aggregation.
        aggregate: computes it from numbers; the native histograms of a group are ignored.
        vector: the elements.
        grouping: groups the elements.
    """

    name: str
    aggregate: Callable[[list[float]], float]
    vector: VectorNode
    grouping: Grouping

    def evaluate(self, context: EvaluationContext) -> Vector:
        numbers = counted_numbers(self.vector, self.name, context)
        return self.grouping.aggregated(numbers, self.aggregate)


def counted_numbers(vector: VectorNode, name: str, context: EvaluationContext) -> FloatVector:
    """Return the numbers of a vector; other values are ignored with an annotation."""
    elements = vector.evaluate(context)
    if histograms_of(elements, context):
        context.annotations.inform(f"ignored histogram in {name} aggregation")
    return numbers_of(elements, context)


@dataclass(eq=False)
class Count(VectorNode):
    """The number of elements in each group, or just the groups.

    Attributes:
        vector: the elements.
        grouping: groups the elements.
        always_one: whether each group has the value 1.
    """

    vector: VectorNode
    grouping: Grouping
    always_one: bool

    def evaluate(self, context: EvaluationContext) -> Vector:
        vector, always_one = self.vector.evaluate(context), self.always_one
        return self.grouping.aggregated(
            vector, lambda values: 1.0 if always_one else float(len(values))
        )


@dataclass(eq=False)
class QuantileAggregation(VectorNode):
    """A quantile of each group."""

    q: ScalarNode
    vector: VectorNode
    grouping: Grouping

    def evaluate(self, context: EvaluationContext) -> Vector:
        q = self.q.evaluate(context)
        check_quantile(q, context)
        numbers = counted_numbers(self.vector, "quantile", context)
        return self.grouping.aggregated(numbers, partial(quantile, q))


def check_quantile(q: float, context: EvaluationContext) -> None:
    """Warn about a quantile that is not between 0 and 1."""
    if not 0 <= q <= 1:
        context.annotations.warn(f"quantile value should be between 0 and 1, got {short_number(q)}")


def short_number(number: float) -> str:
    """Return a number in the format of Prometheus' messages."""
    return f"{number:g}" if math.isfinite(number) else format_number(number)


class CountValues(VectorNode):
    """The number of elements in each group with the same value, which becomes a label."""

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
    "min": smallest,
    "max": largest,
    "stddev": _deviation,
    "stdvar": _variance,
}
"""Aggregations without a parameter that only use numbers."""
