"""Compiles calls of functions."""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Final

from vitalspan.promql.engine.functions import histograms
from vitalspan.promql.engine.functions.dates import DATE_PARTS, Timestamp
from vitalspan.promql.engine.functions.elementwise import (
    ELEMENTWISE,
    QUERY_TIMES,
    Clamp,
    Elementwise,
    LargestOf,
    Now,
    QueryTime,
    Round,
    ScalarOfVector,
    VectorOfScalar,
)
from vitalspan.promql.engine.functions.labels import Absent, Sorted, label_join, label_replace
from vitalspan.promql.engine.functions.native_buckets import (
    OF_NATIVE_HISTOGRAMS,
    NativeStatistic,
)
from vitalspan.promql.engine.functions.over_time import (
    KEEPING_NAME,
    OVER_TIME,
    DoubleExponentialSmoothing,
    OverTime,
    PredictLinear,
    QuantileOverTime,
)
from vitalspan.promql.engine.functions.rates import Rate
from vitalspan.promql.engine.parse import PromqlError, kind_of
from vitalspan.promql.engine.plan import (
    InstantSelector,
    MatrixNode,
    NameDropping,
    Node,
    NumberLiteral,
    RangeSelector,
    ScalarNode,
    TextNode,
    VectorNode,
)
from vitalspan.promql.engine.series import Selector
from vitalspan.promql.matchers import Matcher

Arguments = list[Any]


class ArgumentCompiler(ABC):
    """Compiles the arguments of operators and functions, and checks their types.

    Args:
        names: how operations drop metric names.
    """

    def __init__(self, names: NameDropping) -> None:
        self.names = names

    @abstractmethod
    def compile(self, node: Any) -> Node:
        """Return the plan of a syntax tree.

        Raises:
            PromqlError: for anything that the evaluator does not support.
        """

    def scalar(self, node: Any) -> ScalarNode:
        """Return the plan of an expression whose result is a number."""
        plan = self.compile(node)
        if not isinstance(plan, ScalarNode):
            raise PromqlError(
                "is not PromQL: a function needs a number in one place, and gets something else"
            )
        return plan

    def vector(self, node: Any) -> VectorNode:
        """Return the plan of an expression whose result is an instant vector."""
        plan = self.compile(node)
        if not isinstance(plan, VectorNode):
            raise PromqlError(
                "is not PromQL: a function needs a vector in one place, and gets something else"
            )
        return plan

    def matrix(self, node: Any) -> MatrixNode:
        """Return the plan of an expression whose result is a range vector."""
        plan = self.compile(node)
        if not isinstance(plan, MatrixNode):
            raise PromqlError("is not PromQL: a range such as [5m] is missing")
        return plan

    def text(self, node: Any) -> str:
        """Return the value of a string literal."""
        plan = self.compile(node)
        if not isinstance(plan, TextNode):
            raise PromqlError(
                "is not PromQL: a function needs a string in one place, and gets something else"
            )
        return plan.text


def compile_call(compiler: ArgumentCompiler, node: Any) -> Node:
    """Return the plan of a call.

    Raises:
        PromqlError: for a function that the evaluator does not support.
    """
    name, arguments = node.func.name, list(node.args)
    plan = _of_table(compiler, name, arguments)
    if plan is not None:
        return plan
    special = _SPECIAL.get(name)
    if special is None:
        raise PromqlError(f"the function {name} is not supported")
    return special(compiler, name, arguments)


def _of_table(compiler: ArgumentCompiler, name: str, arguments: Arguments) -> Node | None:
    """Return the plan of a function in one of the tables; None if it is in none."""
    names = compiler.names
    if name in ELEMENTWISE:
        return Elementwise(ELEMENTWISE[name], compiler.vector(arguments[0]), names)
    if name in OVER_TIME or name in KEEPING_NAME:
        return OverTime(name, compiler.matrix(arguments[0]), names)
    if name in DATE_PARTS:
        times = compiler.vector(arguments[0]) if arguments else VectorOfScalar(Now())
        return Elementwise(DATE_PARTS[name], times, names)
    if name in OF_NATIVE_HISTOGRAMS:
        return NativeStatistic(OF_NATIVE_HISTOGRAMS[name], compiler.vector(arguments[0]), names)
    return QueryTime(QUERY_TIMES[name]) if name in QUERY_TIMES else None


def _rate(compiler: ArgumentCompiler, name: str, arguments: Arguments) -> Node:
    return Rate(
        compiler.matrix(arguments[0]),
        compiler.names,
        is_counter=name != "delta",
        per_second=name == "rate",
    )


def _clamp(compiler: ArgumentCompiler, name: str, arguments: Arguments) -> Node:
    vector, *limits = arguments
    scalars = [compiler.scalar(limit) for limit in limits]
    lower = scalars[0] if name != "clamp_max" else None
    upper = scalars[-1] if name != "clamp_min" else None
    return Clamp(compiler.vector(vector), lower, upper, compiler.names)


def _round(compiler: ArgumentCompiler, _: str, arguments: Arguments) -> Node:
    nearest = compiler.scalar(arguments[1]) if len(arguments) > 1 else None
    return Round(compiler.vector(arguments[0]), nearest, compiler.names)


def _quantile_over_time(compiler: ArgumentCompiler, _: str, arguments: Arguments) -> Node:
    q, matrix = compiler.scalar(arguments[0]), compiler.matrix(arguments[1])
    return QuantileOverTime(q, matrix, compiler.names)


def _predict_linear(compiler: ArgumentCompiler, _: str, arguments: Arguments) -> Node:
    matrix, seconds = compiler.matrix(arguments[0]), compiler.scalar(arguments[1])
    return PredictLinear(matrix, seconds, compiler.names)


def _smoothing(compiler: ArgumentCompiler, _: str, arguments: Arguments) -> Node:
    matrix, *factors = arguments
    scalars = [compiler.scalar(factor) for factor in factors]
    return DoubleExponentialSmoothing(compiler.matrix(matrix), scalars, compiler.names)


def _histogram_quantile(compiler: ArgumentCompiler, _: str, arguments: Arguments) -> Node:
    q, vector = compiler.scalar(arguments[0]), compiler.vector(arguments[1])
    return histograms.HistogramQuantile(q, vector, compiler.names)


def _histogram_quantiles(compiler: ArgumentCompiler, _: str, arguments: Arguments) -> Node:
    vector, label, *quantiles = arguments
    return histograms.HistogramQuantiles(
        compiler.vector(vector),
        compiler.text(label),
        [compiler.scalar(q) for q in quantiles],
        compiler.names,
    )


def _histogram_fraction(compiler: ArgumentCompiler, _: str, arguments: Arguments) -> Node:
    lower, upper, vector = arguments
    bounds = [compiler.scalar(lower), compiler.scalar(upper)]
    return histograms.HistogramFraction(bounds, compiler.vector(vector), compiler.names)


def _absent(compiler: ArgumentCompiler, name: str, arguments: Arguments) -> Node:
    # A selector in parentheses or in a function does not provide labels.
    is_selector = kind_of(arguments[0]) in ("VectorSelector", "MatrixSelector")
    if name == "absent":
        vector = compiler.vector(arguments[0])
        selector = _selector_of(vector) if is_selector else None
        return Absent(vector, selector)
    matrix = compiler.matrix(arguments[0])
    return Absent(matrix, _selector_of(matrix) if is_selector else None)


def _selector_of(node: Node) -> Selector | None:
    return node.demand.selector if isinstance(node, (InstantSelector, RangeSelector)) else None


def _sort(compiler: ArgumentCompiler, name: str, arguments: Arguments) -> Node:
    labels = None
    if "label" in name:
        labels = [compiler.text(label) for label in arguments[1:]]
    vector = compiler.vector(arguments[0])
    return Sorted(vector, descending=name.endswith("_desc"), labels=labels)


def _label_replace(compiler: ArgumentCompiler, _: str, arguments: Arguments) -> Node:
    vector = compiler.vector(arguments[0])
    target, replacement, source, expression = (compiler.text(one) for one in arguments[1:])
    _check_label(target, "destination", "label_replace")
    try:
        # The same checks as for a matcher, because both use RE2.
        Matcher(source, "=~", expression)
    except ValueError as mistake:
        raise PromqlError(
            f"invalid regular expression in label_replace(): {expression!r:.80}: {mistake}"
        ) from None
    return label_replace(vector, target, replacement, source, re.compile(expression, re.DOTALL))


def _label_join(compiler: ArgumentCompiler, _: str, arguments: Arguments) -> Node:
    vector = compiler.vector(arguments[0])
    target, separator, *sources = (compiler.text(one) for one in arguments[1:])
    for source in sources:
        _check_label(source, "source", "label_join")
    _check_label(target, "destination", "label_join")
    return label_join(vector, target, separator, sources)


def _check_label(name: str, what: str, function: str) -> None:
    if not name:
        raise PromqlError(f"invalid {what} label name in {function}(): {name}")


def _scalar(compiler: ArgumentCompiler, _: str, arguments: Arguments) -> Node:
    return ScalarOfVector(compiler.vector(arguments[0]))


def _vector(compiler: ArgumentCompiler, _: str, arguments: Arguments) -> Node:
    return VectorOfScalar(compiler.scalar(arguments[0]))


def _time(_: ArgumentCompiler, __: str, ___: Arguments) -> Node:
    return Now()


def _pi(_: ArgumentCompiler, __: str, ___: Arguments) -> Node:
    return NumberLiteral(math.pi)


def _largest_of(compiler: ArgumentCompiler, name: str, arguments: Arguments) -> Node:
    scalars = [compiler.scalar(argument) for argument in arguments]
    return LargestOf(scalars, largest=name == "max_of")


def _timestamp(compiler: ArgumentCompiler, _: str, arguments: Arguments) -> Node:
    vector: VectorNode = compiler.vector(arguments[0])
    return Timestamp(vector, compiler.names)


_SPECIAL: Final[dict[str, Callable[[ArgumentCompiler, str, Arguments], Node]]] = {
    "absent": _absent,
    "absent_over_time": _absent,
    "clamp": _clamp,
    "clamp_max": _clamp,
    "clamp_min": _clamp,
    "delta": _rate,
    "double_exponential_smoothing": _smoothing,
    "histogram_fraction": _histogram_fraction,
    "histogram_quantile": _histogram_quantile,
    "histogram_quantiles": _histogram_quantiles,
    "increase": _rate,
    "label_join": _label_join,
    "label_replace": _label_replace,
    "max_of": _largest_of,
    "min_of": _largest_of,
    "pi": _pi,
    "predict_linear": _predict_linear,
    "quantile_over_time": _quantile_over_time,
    "rate": _rate,
    "round": _round,
    "scalar": _scalar,
    "sort": _sort,
    "sort_by_label": _sort,
    "sort_by_label_desc": _sort,
    "sort_desc": _sort,
    "time": _time,
    "timestamp": _timestamp,
    "vector": _vector,
}
