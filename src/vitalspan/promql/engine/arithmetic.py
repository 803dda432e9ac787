"""Arithmetic on floats according to IEEE 754, where Python would raise an exception."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Final

Binary = Callable[[float, float], float]


def divide(left: float, right: float) -> float:
    """Return a quotient; a division by zero gives an infinity or NaN."""
    try:
        return left / right
    except ZeroDivisionError:
        if left == 0 or math.isnan(left):
            return math.nan
        return math.copysign(math.inf, left) * math.copysign(1.0, right)


def modulo(left: float, right: float) -> float:
    """Return a remainder with the sign of the dividend; NaN if it is undefined."""
    try:
        return math.fmod(left, right)
    except ValueError:
        return math.nan


def power(base: float, exponent: float) -> float:
    """Return a power; NaN if it is not a real number."""
    try:
        return math.pow(base, exponent)
    except OverflowError:
        is_odd = exponent == math.floor(exponent) and math.fmod(exponent, 2) != 0
        return -math.inf if base < 0 and is_odd else math.inf
    except ValueError:
        if base == 0:
            is_odd = exponent == math.floor(exponent) and math.fmod(exponent, 2) != 0
            return math.copysign(math.inf, base) if is_odd else math.inf
        return math.nan


def total(
    function: Callable[[float], float], *, overflow: float = math.inf
) -> Callable[[float], float]:
    """Return a function that returns NaN outside of its domain.

    Args:
        function: a function of `math`.
        overflow: the result if it is too large.
    """

    def apply(value: float) -> float:
        try:
            return function(value)
        except ValueError:
            return math.nan
        except OverflowError:
            return overflow

    return apply


def larger(left: float, right: float) -> float:
    """Return the larger of two numbers; NaN if one of them is NaN."""
    if math.isnan(left) or math.isnan(right):
        return math.nan
    return max(left, right)


def smaller(left: float, right: float) -> float:
    """Return the smaller of two numbers; NaN if one of them is NaN."""
    if math.isnan(left) or math.isnan(right):
        return math.nan
    return min(left, right)


def largest(values: Iterable[float]) -> float:
    """Return the largest number; NaN only if all are NaN."""
    return max([value for value in values if not math.isnan(value)], default=math.nan)


def smallest(values: Iterable[float]) -> float:
    """Return the smallest number; NaN only if all are NaN."""
    return min([value for value in values if not math.isnan(value)], default=math.nan)


def add_exactly(addend: float, sum_: float, error: float) -> tuple[float, float]:
    """Add a number to a sum, and the rounding error to the error of the sum.

    This is Kahan summation in Neumaier's variant.
    """
    new = sum_ + addend
    if math.isinf(new):
        return new, 0.0
    if abs(sum_) >= abs(addend):
        return new, error + ((sum_ - new) + addend)
    return new, error + ((addend - new) + sum_)


def exact_sum(values: Iterable[float]) -> float:
    """Return a sum without rounding errors."""
    sum_ = error = 0.0
    for value in values:
        sum_, error = add_exactly(value, sum_, error)
    return sum_ if math.isinf(sum_) else sum_ + error


def mean(values: Iterable[float]) -> float:
    """Return an average, even if the sum would be too large for a float."""
    sum_ = error = average = 0.0
    count = 0
    incremental = False
    for value in values:
        count += 1
        if not incremental:
            new, new_error = add_exactly(value, sum_, error)
            if count == 1 or not math.isinf(new):
                sum_, error = new, new_error
                continue
            incremental = True
            average = sum_ / (count - 1)
            error /= count - 1
        share = (count - 1) / count
        average, error = add_exactly(value / count, share * average, share * error)
    if incremental:
        return average + error
    return sum_ / count + error / count


def variance(values: Iterable[float]) -> float:
    """Return the population variance of at least one number."""
    count = 0
    average = average_error = squares = squares_error = 0.0
    for value in values:
        count += 1
        delta = value - (average + average_error)
        average, average_error = add_exactly(delta / count, average, average_error)
        squares, squares_error = add_exactly(
            delta * (value - (average + average_error)), squares, squares_error
        )
    return (squares + squares_error) / count


def quantile(q: float, values: Iterable[float]) -> float:
    """Return a quantile of numbers, interpolated between the two nearest ones."""
    if math.isnan(q):
        return math.nan
    if q < 0:
        return -math.inf
    if q > 1:
        return math.inf
    # NaN is ordered before all others.
    ordered = sorted(values, key=_nan_first)
    if not ordered:
        return math.nan
    rank = q * (len(ordered) - 1)
    lower = max(0, math.floor(rank))
    upper = min(len(ordered) - 1, lower + 1)
    weight = rank - math.floor(rank)
    return ordered[lower] * (1 - weight) + ordered[upper] * weight


def _nan_first(value: float) -> tuple[bool, float]:
    return (False, 0.0) if math.isnan(value) else (True, value)


def format_number(value: float) -> str:
    """Return a number with the fewest digits that are exact, and without an exponent."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    text = f"{Decimal(repr(value)):f}"
    return text.removesuffix(".0") or "0"


ARITHMETIC: Final[dict[str, Binary]] = {
    "+": float.__add__,
    "-": float.__sub__,
    "*": float.__mul__,
    "/": divide,
    "%": modulo,
    "^": power,
    "atan2": math.atan2,
}

COMPARISONS: Final[dict[str, Callable[[float, float], bool]]] = {
    "==": float.__eq__,
    "!=": float.__ne__,
    ">": float.__gt__,
    "<": float.__lt__,
    ">=": float.__ge__,
    "<=": float.__le__,
}
