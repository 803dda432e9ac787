"""Functions of single values: of the elements of a vector, and of numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from vitalspan.promql.engine.arithmetic import divide, larger, smaller, total
from vitalspan.promql.engine.evaluation_context import EvaluationContext
from vitalspan.promql.engine.metric_labels import EMPTY
from vitalspan.promql.engine.plan import NameDropping, ScalarNode, Vector, VectorNode


@dataclass(eq=False)
class Elementwise(VectorNode):
    """A function that is applied to each value of a vector."""

    function: Callable[[float], float]
    vector: VectorNode
    names: NameDropping

    def evaluate(self, context: EvaluationContext) -> Vector:
        function, drop = self.function, self.names.drop
        vector = self.vector.numbers(context)
        return self.names.check([(drop(labels), function(value)) for labels, value in vector])


@dataclass(eq=False)
class Clamp(VectorNode):
    """The values of a vector, limited to a range."""

    vector: VectorNode
    lower: ScalarNode | None
    upper: ScalarNode | None
    names: NameDropping

    def evaluate(self, context: EvaluationContext) -> Vector:
        lower = -math.inf if self.lower is None else self.lower.evaluate(context)
        upper = math.inf if self.upper is None else self.upper.evaluate(context)
        if upper < lower:
            return []
        drop = self.names.drop
        vector = self.vector.numbers(context)
        result = [(drop(labels), larger(lower, smaller(upper, value))) for labels, value in vector]
        return self.names.check(result)


@dataclass(eq=False)
class Round(VectorNode):
    """The values of a vector, rounded to the nearest multiple of a number, ties upwards."""

    vector: VectorNode
    nearest: ScalarNode | None
    names: NameDropping

    def evaluate(self, context: EvaluationContext) -> Vector:
        nearest = 1.0 if self.nearest is None else self.nearest.evaluate(context)
        inverse = divide(1.0, nearest)
        drop = self.names.drop
        vector = self.vector.numbers(context)
        result = [(drop(labels), _rounded(value, inverse)) for labels, value in vector]
        return self.names.check(result)


def _rounded(value: float, inverse: float) -> float:
    return divide(floor(value * inverse + 0.5), inverse)


@dataclass(eq=False)
class ScalarOfVector(ScalarNode):
    """The value of a vector's only element; NaN if there is not exactly one."""

    vector: VectorNode

    def evaluate(self, context: EvaluationContext) -> float:
        vector = self.vector.numbers(context)
        return vector[0][1] if len(vector) == 1 else math.nan


@dataclass(eq=False)
class VectorOfScalar(VectorNode):
    """A number as a vector with a single element without labels."""

    scalar: ScalarNode

    def evaluate(self, context: EvaluationContext) -> Vector:
        return [(EMPTY, self.scalar.evaluate(context))]


class Now(ScalarNode):
    """The time of the step, in seconds since the epoch."""

    def evaluate(self, context: EvaluationContext) -> float:
        return context.now / 1000


@dataclass(eq=False)
class QueryTime(ScalarNode):
    """A time of the whole evaluation in seconds, such as that of its first step, or its length.

    Attributes:
        milliseconds: returns the time in milliseconds.
    """

    milliseconds: Callable[[EvaluationContext], int]

    def evaluate(self, context: EvaluationContext) -> float:
        return self.milliseconds(context) / 1000


QUERY_TIMES: Final[dict[str, Callable[[EvaluationContext], int]]] = {
    "start": lambda context: context.start,
    "end": lambda context: context.end,
    "range": lambda context: context.end - context.start,
    "step": lambda context: context.step,
}


class LargestOf(ScalarNode):
    """The larger of two numbers, or the smaller."""

    def __init__(self, scalars: Sequence[ScalarNode], *, largest: bool) -> None:
        self._scalars = scalars
        self._choose = larger if largest else smaller

    def evaluate(self, context: EvaluationContext) -> float:
        left, right = (scalar.evaluate(context) for scalar in self._scalars)
        return self._choose(left, right)


def floor(value: float) -> float:
    """Return the largest integer that is not larger."""
    return float(math.floor(value)) if math.isfinite(value) else value


def _ceiling(value: float) -> float:
    return float(math.ceil(value)) if math.isfinite(value) else value


def _sign(value: float) -> float:
    if value < 0:
        return -1.0
    return 1.0 if value > 0 else value


def _logarithm(function: Callable[[float], float]) -> Callable[[float], float]:
    inside = total(function)

    def apply(value: float) -> float:
        return -math.inf if value == 0 else inside(value)

    return apply


def _sinh(value: float) -> float:
    try:
        return math.sinh(value)
    except OverflowError:
        return math.copysign(math.inf, value)


def _atanh(value: float) -> float:
    return math.copysign(math.inf, value) if abs(value) == 1 else total(math.atanh)(value)


ELEMENTWISE: Final[dict[str, Callable[[float], float]]] = {
    "abs": math.fabs,
    "acos": total(math.acos),
    "acosh": total(math.acosh),
    "asin": total(math.asin),
    "asinh": math.asinh,
    "atan": math.atan,
    "atanh": _atanh,
    "ceil": _ceiling,
    "cos": total(math.cos),
    "cosh": total(math.cosh),
    "deg": math.degrees,
    "exp": total(math.exp),
    "floor": floor,
    "ln": _logarithm(math.log),
    "log2": _logarithm(math.log2),
    "log10": _logarithm(math.log10),
    "rad": math.radians,
    "sgn": _sign,
    "sin": total(math.sin),
    "sinh": _sinh,
    "sqrt": total(math.sqrt),
    "tan": total(math.tan),
    "tanh": math.tanh,
}
