"""Operators between native histograms, and between native histograms and numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final, NamedTuple

from vitalspan.promql.engine.evaluation_context import Annotations
from vitalspan.promql.engine.float_histogram import FloatHistogram
from vitalspan.promql.engine.histogram_arithmetic import (
    Combined,
    IncompatibleHistogramsError,
    added,
    divided,
    scaled,
    subtracted,
)
from vitalspan.promql.engine.metric_labels import NAME, MetricLabels
from vitalspan.promql.engine.series import Value


class Outcome(NamedTuple):
    """The result of an operator.

    Attributes:
        value: the result.
        keep: whether a comparison is true; True for arithmetic.
    """

    value: Value
    keep: bool = True


def operate(operator: str, left: Value, right: Value, annotations: Annotations) -> Outcome | None:
    """Return the result of an operator for two values, at least one of which is a histogram.

    Returns:
        None if the operator is not defined for the two, which adds an info annotation.
    """
    if isinstance(left, FloatHistogram) and isinstance(right, FloatHistogram):
        if operator in _EQUALITY:
            return Outcome(left, (left == right) is (operator == "=="))
        arithmetic = _ARITHMETIC.get(operator)
        if arithmetic is not None:
            return _arithmetic_of_two(operator, arithmetic, left, right, annotations)
    elif isinstance(left, FloatHistogram) and isinstance(right, float):
        if operator == "*":
            return Outcome(scaled(left, right).compacted())
        if operator == "/":
            return Outcome(divided(left, right).compacted())
    elif isinstance(right, FloatHistogram) and isinstance(left, float) and operator == "*":
        return Outcome(scaled(right, left).compacted())
    annotations.inform(
        f'incompatible sample types encountered for binary operator "{operator}": '
        f"{_type_of(left)} {operator} {_type_of(right)}"
    )
    return None


def _arithmetic_of_two(
    operator: str,
    arithmetic: tuple[str, Callable[[FloatHistogram, FloatHistogram], Combined]],
    left: FloatHistogram,
    right: FloatHistogram,
    annotations: Annotations,
) -> Outcome | None:
    what, function = arithmetic
    try:
        result = function(left, right)
    except IncompatibleHistogramsError:
        annotations.warn(f"incompatible bucket layout encountered for binary operator {operator}")
        return None
    say_how_combined(result, what, annotations)
    if result.resets_collide:
        return None
    histogram = result.histogram
    return Outcome(replace(histogram, reset_hint="gauge") if operator == "-" else histogram)


def say_how_combined(result: Combined, what: str, annotations: Annotations) -> None:
    """Add annotations about combined histograms.

    Args:
        result: the result of the combination.
        what: the kind of combination, such as `addition`.
        annotations: collects the annotations.
    """
    if result.resets_collide:
        annotations.warn(f"conflicting counter resets during histogram {what}")
    if result.bounds_differ:
        annotations.inform(f"mismatched custom buckets were reconciled during {what}")


def mixed_schemas(labels: MetricLabels) -> str:
    """Return the warning that a series or a vector has exponential and custom buckets."""
    return (
        "vector contains a mix of histograms with exponential and custom buckets schemas for "
        f'metric name "{labels.get(NAME)}"'
    )


def mixed_samples(labels: MetricLabels) -> str:
    """Return the warning that a series has numbers and native histograms."""
    return f'encountered a mix of histograms and floats for metric name "{labels.get(NAME)}"'


def _type_of(value: Value) -> str:
    return "histogram" if isinstance(value, FloatHistogram) else "float"


_EQUALITY: Final = ("==", "!=")

_ARITHMETIC: Final[dict[str, tuple[str, Callable[[FloatHistogram, FloatHistogram], Combined]]]] = {
    "+": ("addition", lambda left, right: added([left, right])),
    "-": ("subtraction", subtracted),
}
