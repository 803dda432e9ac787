"""Axes with round numbers and times that fit into a chart."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

_STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0, 20.0, 25.0, 50.0)

_KIBI: Final = 1024.0

_TINY: Final = 1e-200
"""Smaller numbers are treated as zero, because dividing them loses digits."""

_TIME_STEPS: Final = (
    *(1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0),
    *(3600.0, 7200.0, 14400.0, 21600.0, 43200.0, 86400.0, 172800.0, 604800.0),
)


@dataclass(frozen=True)
class Axis:
    """A range of numbers, with labelled ones.

    Attributes:
        low: the start.
        high: the end.
        ticks: the labelled numbers, ascending, within the range.
    """

    low: float
    high: float
    ticks: tuple[float, ...]

    def place(self, value: float) -> float:
        """Return the position of a value, from 0 at the start to 1 at the end."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))


def value_axis(low: float, high: float, most: int = 4, *, is_binary: bool = False) -> Axis:
    """Return an axis between round numbers that includes all values.

    Args:
        low: the minimum of the values.
        high: the maximum of the values.
        most: the maximum number of steps.
        is_binary: whether round numbers are powers of 1024.
    """
    if is_binary and high >= _KIBI:
        scale = _KIBI ** math.floor(math.log(high, _KIBI) + 1e-9)
        axis = value_axis(low / scale, high / scale, most)
        return Axis(axis.low * scale, axis.high * scale, tuple(one * scale for one in axis.ticks))
    if high - low <= 1e-12 * max(abs(low), abs(high), _TINY):
        # A constant is in the middle of its axis, and zero is at the bottom.
        low, high = (low - abs(low) * 0.5, low + abs(low) * 0.5) if low else (0.0, 1.0)
    magnitude = 10.0 ** math.floor(math.log10((high - low) / most))
    for factor in _STEPS:
        step = factor * magnitude
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        if last - first <= most:
            break
    ticks = tuple(index * step for index in range(first, last + 1))
    return Axis(ticks[0], ticks[-1], ticks)


def time_axis(start: float, end: float, most: int = 5) -> Axis:
    """Return an axis of time, with labels at round times of the clock.

    Args:
        start: the start in seconds since the Unix epoch.
        end: the end in seconds since the Unix epoch, which is later.
        most: the maximum number of labels.
    """
    span = end - start
    step = next((one for one in _TIME_STEPS if span / one <= most), span / most)
    first = math.ceil(start / step)
    ticks = tuple(index * step for index in range(first, math.floor(end / step) + 1))
    return Axis(start, end, ticks[:most])
