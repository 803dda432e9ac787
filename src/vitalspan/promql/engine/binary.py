"""Operators between scalars and between vectors and scalars, and set operators."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import compress

from vitalspan.promql.engine.arithmetic import ARITHMETIC, COMPARISONS
from vitalspan.promql.engine.evaluation_context import EvaluationContext
from vitalspan.promql.engine.histogram_operators import Outcome, operate
from vitalspan.promql.engine.metric_labels import LabelCache, MetricLabels
from vitalspan.promql.engine.plan import (
    FloatVector,
    NameDropping,
    ScalarNode,
    Vector,
    VectorNode,
    histograms_of,
    numbers_of,
)
from vitalspan.promql.engine.series import Value


class ScalarOperation(ScalarNode):
    """An operator between two numbers; a comparison returns 1 or 0."""

    def __init__(self, operator: str, left: ScalarNode, right: ScalarNode) -> None:
        self._apply = ARITHMETIC.get(operator) or COMPARISONS[operator]
        self._left = left
        self._right = right

    def evaluate(self, context: EvaluationContext) -> float:
        return float(self._apply(self._left.evaluate(context), self._right.evaluate(context)))


@dataclass(eq=False)
class VectorScalarOperation(VectorNode):
    """An operator between each element of a vector and a number; a comparison returns 1 or 0.

    Attributes:
        operator: the operator, such as `+`.
        vector: the vector.
        scalar: the number.
        swapped: whether the number is on the left.
        names: drops metric names.
    """

    operator: str
    vector: VectorNode
    scalar: ScalarNode
    swapped: bool
    names: NameDropping

    def __post_init__(self) -> None:
        self._apply = ARITHMETIC.get(self.operator) or COMPARISONS[self.operator]

    def evaluate(self, context: EvaluationContext) -> Vector:
        drop = self.names.drop
        vector, number = self.vector.evaluate(context), self.scalar.evaluate(context)
        numbers = numbers_of(vector, context)
        pairs = zip(numbers, self._results(numbers, number), strict=True)
        result: list[tuple[MetricLabels, Value]]
        result = [(drop(labels), float(value)) for (labels, _), value in pairs]
        for labels, outcome in self._of_histograms(vector, number, context):
            result.append((drop(labels), outcome.value))
        return self.names.check(result)

    def _results(self, numbers: FloatVector, number: float) -> list[float]:
        """Return the result of the operator for each number of the vector."""
        apply = self._apply
        if self.swapped:
            return [apply(number, value) for _, value in numbers]
        return [apply(value, number) for _, value in numbers]

    def _of_histograms(
        self, vector: Vector, number: float, context: EvaluationContext
    ) -> Iterator[tuple[MetricLabels, Outcome]]:
        """Yield the result of the operator for each native histogram that it is defined for."""
        for labels, histogram in histograms_of(vector, context):
            left: Value = histogram
            right: Value = number
            if self.swapped:
                left, right = right, left
            outcome = operate(self.operator, left, right, context.annotations)
            if outcome is not None:
                yield labels, outcome


class VectorScalarFilter(VectorScalarOperation):
    """A comparison of each element of a vector with a number, which keeps matching elements."""

    def evaluate(self, context: EvaluationContext) -> Vector:
        vector, number = self.vector.evaluate(context), self.scalar.evaluate(context)
        numbers = numbers_of(vector, context)
        # Comparisons of histograms with numbers are undefined, which needs an annotation.
        list(self._of_histograms(vector, number, context))
        return list(compress(numbers, self._results(numbers, number)))


@dataclass(eq=False)
class SetOperation(VectorNode):
    """The operators `and`, `or` and `unless`.

    Attributes:
        operator: the operator.
        left: the left vector.
        right: the right vector.
        signature: the labels by which elements are matched.
    """

    operator: str
    left: VectorNode
    right: VectorNode
    signature: LabelCache

    def evaluate(self, context: EvaluationContext) -> Vector:
        signature = self.signature
        left, right = self.left.evaluate(context), self.right.evaluate(context)
        if self.operator == "or":
            signatures = {signature[labels] for labels, _ in left}
            return [*left, *(one for one in right if signature[one[0]] not in signatures)]
        keeps_matches = self.operator == "and"
        signatures = {signature[labels] for labels, _ in right}
        return [one for one in left if (signature[one[0]] in signatures) is keeps_matches]
