"""Operators between scalars, between vectors and scalars, and set operators."""

from __future__ import annotations

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


class VectorScalarArithmetic(VectorNode):
    """An arithmetic operator between each element of a vector and a number.

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
        self._apply = ARITHMETIC[operator]
        self._vector = vector
        self._scalar = scalar
        self._swapped = swapped
        self._names = names

    def evaluate(self, context: EvaluationContext) -> Vector:
        apply, drop = self._apply, self._names.drop
        vector, number = self._vector.evaluate(context), self._scalar.evaluate(context)
        if self._swapped:
            result = [(drop(labels), apply(number, value)) for labels, value in vector]
        else:
            result = [(drop(labels), apply(value, number)) for labels, value in vector]
        return self._names.check(result)


class VectorScalarComparison(VectorNode):
    """A comparison of each element of a vector with a number.

    Args:
        operator: one such as `>`.
        vector: the vector.
        scalar: the number.
        swapped: whether the number stands on the left.
        return_bool: whether each element becomes 1 or 0; otherwise those stay that fulfil the
            comparison.
        names: takes away the name of the metric where elements become 1 or 0.
    """

    def __init__(
        self,
        operator: str,
        vector: VectorNode,
        scalar: ScalarNode,
        *,
        swapped: bool,
        return_bool: bool,
        names: NameDropping,
    ) -> None:
        self._compare = COMPARISONS[operator]
        self._vector = vector
        self._scalar = scalar
        self._swapped = swapped
        self._return_bool = return_bool
        self._names = names

    def evaluate(self, context: EvaluationContext) -> Vector:
        compare = self._compare
        vector, number = self._vector.evaluate(context), self._scalar.evaluate(context)
        if self._return_bool:
            drop = self._names.drop
            holds = (
                compare(number, value) if self._swapped else compare(value, number)
                for _, value in vector
            )
            result = [
                (drop(labels), float(one)) for (labels, _), one in zip(vector, holds, strict=True)
            ]
            return self._names.check(result)
        if self._swapped:
            return [element for element in vector if compare(number, element[1])]
        return [element for element in vector if compare(element[1], number)]


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
        wanted = self._operator == "and"
        signatures = {signature[labels] for labels, _ in right}
        return [one for one in left if (signature[one[0]] in signatures) is wanted]
