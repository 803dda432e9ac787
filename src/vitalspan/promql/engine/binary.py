"""Operators between scalars, between vectors and scalars, and set operators."""

from __future__ import annotations

from itertools import compress

from vitalspan.promql.engine.arithmetic import ARITHMETIC, COMPARISONS
from vitalspan.promql.engine.evaluation_context import EvaluationContext
from vitalspan.promql.engine.metric_labels import LabelCache
from vitalspan.promql.engine.plan import NameDropping, ScalarNode, Vector, VectorNode


class ScalarOperation(ScalarNode):
    """An operator between two numbers; a comparison gives 1 or 0."""

    def __init__(self, operator: str, left: ScalarNode, right: ScalarNode) -> None:
        self._apply = ARITHMETIC.get(operator) or COMPARISONS[operator]
        self._left = left
        self._right = right

    def evaluate(self, context: EvaluationContext) -> float:
        return float(self._apply(self._left.evaluate(context), self._right.evaluate(context)))


class VectorScalarOperation(VectorNode):
    """An operator between each element of a vector and a number; a comparison gives 1 or 0.

    Args:
        operator: one such as `+`.
        vector: the vector.
        scalar: the number.
        swapped: whether the number stands on the left.
        names: takes away the name of the metric.
    """

    def __init__(
        self,
        operator: str,
        vector: VectorNode,
        scalar: ScalarNode,
        *,
        swapped: bool,
        names: NameDropping,
    ) -> None:
        self._apply = ARITHMETIC.get(operator) or COMPARISONS[operator]
        self._vector = vector
        self._scalar = scalar
        self._swapped = swapped
        self._names = names

    def evaluate(self, context: EvaluationContext) -> Vector:
        drop = self._names.drop
        vector, results = self._results(context)
        pairs = zip(vector, results, strict=True)
        return self._names.check([(drop(labels), float(result)) for (labels, _), result in pairs])

    def _results(self, context: EvaluationContext) -> tuple[Vector, list[float]]:
        """Return the vector, and the result of the operator for each of its elements."""
        apply = self._apply
        vector, number = self._vector.evaluate(context), self._scalar.evaluate(context)
        if self._swapped:
            return vector, [apply(number, value) for _, value in vector]
        return vector, [apply(value, number) for _, value in vector]


class VectorScalarFilter(VectorScalarOperation):
    """A comparison of each element of a vector with a number: those stay that fulfil it."""

    def evaluate(self, context: EvaluationContext) -> Vector:
        return list(compress(*self._results(context)))


class SetOperation(VectorNode):
    """The operators `and`, `or` and `unless`.

    Args:
        operator: which of them.
        left: a vector.
        right: another.
        signature: the labels that elements are matched by.
    """

    def __init__(
        self, operator: str, left: VectorNode, right: VectorNode, signature: LabelCache
    ) -> None:
        self._operator = operator
        self._left = left
        self._right = right
        self._signature = signature

    def evaluate(self, context: EvaluationContext) -> Vector:
        signature = self._signature
        left, right = self._left.evaluate(context), self._right.evaluate(context)
        if self._operator == "or":
            signatures = {signature[labels] for labels, _ in left}
            return left + [one for one in right if signature[one[0]] not in signatures]
        keeps_matches = self._operator == "and"
        signatures = {signature[labels] for labels, _ in right}
        return [one for one in left if (signature[one[0]] in signatures) is keeps_matches]
