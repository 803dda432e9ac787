"""Aggregations that select elements: `topk`, `bottomk` and `limitk`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from vitalspan.promql.engine.aggregation import counted_numbers, short_number
from vitalspan.promql.engine.evaluation_context import EvaluationContext, EvaluationError
from vitalspan.promql.engine.grouping import Grouping
from vitalspan.promql.engine.metric_labels import MetricLabels
from vitalspan.promql.engine.plan import FloatVector, ScalarNode, Vector, VectorNode

_LARGEST_COUNT: Final = 2**62


@dataclass(eq=False)
class LargestOrSmallest(VectorNode):
    """The elements of each group with the largest or smallest values.

    Attributes:
        count: the number of elements per group.
        vector: the elements.
        grouping: groups the elements.
        largest: whether to return the largest values.
    """

    count: ScalarNode
    vector: VectorNode
    grouping: Grouping
    largest: bool

    def evaluate(self, context: EvaluationContext) -> Vector:
        count = whole_number(self.count.evaluate(context))
        if count < 1:
            return []
        name = "topk" if self.largest else "bottomk"
        groups = self.grouping.groups(counted_numbers(self.vector, name, context))
        return [
            element
            for group in groups.values()
            for element in ordered(group, descending=self.largest)[:count]
        ]


def ordered(vector: FloatVector, *, descending: bool) -> FloatVector:
    """Return the elements of a vector sorted by value, with NaN last."""

    def key(element: tuple[MetricLabels, float]) -> tuple[bool, float]:
        value = element[1]
        if math.isnan(value):
            return True, 0.0
        return False, -value if descending else value

    return sorted(vector, key=key)


def whole_number(value: float) -> int:
    """Return a number of elements, converted as in Prometheus.

    Raises:
        EvaluationError: for NaN, and for a number that is too large for an integer.
    """
    if math.isnan(value):
        raise EvaluationError("Parameter value is NaN")
    if value >= _LARGEST_COUNT * 2:
        raise EvaluationError(f"Scalar value {short_number(value)} overflows int64")
    if value <= -_LARGEST_COUNT * 2:
        raise EvaluationError(f"Scalar value {short_number(value)} underflows int64")
    return int(value)


@dataclass(eq=False)
class Limit(VectorNode):
    """Any elements of each group, up to a limit."""

    count: ScalarNode
    vector: VectorNode
    grouping: Grouping

    def evaluate(self, context: EvaluationContext) -> Vector:
        count = whole_number(self.count.evaluate(context))
        if count < 1:
            return []
        groups = self.grouping.groups(self.vector.evaluate(context))
        return [element for group in groups.values() for element in group[:count]]
