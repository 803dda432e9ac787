"""The ticks that a window can begin at: all of the last minutes, and fewer further back."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import Final

TIERS: Final = ((900.0, 0.0), (6 * 3600.0, 60.0), (3 * 86400.0, 600.0), (31 * 86400.0, 3600.0))
"""Pairs of an age up to which one tick is kept per interval, in seconds; 0 keeps them all."""

LONGEST: Final = TIERS[-1][0]
"""The maximum number of seconds that can be looked back."""

_CHECK: Final = 64


class Ticks:
    """The times of the ticks, in seconds on the steady clock.

    Args:
        born: the time before which nothing was counted.
    """

    def __init__(self, born: float) -> None:
        self.times = array("d", [born])
        self._thinned = 1

    def add(self, now: float) -> None:
        """Add the current tick."""
        self.times.append(now)
        if len(self.times) - self._thinned >= _CHECK:
            self.times = array("d", kept(self.times, now))
            self._thinned = len(self.times)

    def put_before(self, times: Iterable[float]) -> None:
        """Insert ticks before the first one, such as those of an earlier process."""
        self.times = array("d", times) + self.times
        self._thinned = len(self.times)

    def start(self, now: float, window: float) -> float:
        """Return the tick at the start of a window that ends now: the last one before the window.

        If no tick is that old, it is the first one.
        """
        times = self.times
        index = bisect_right(times, now - window + _SLACK)
        return times[index - 1] if index else times[0]

    def has(self, when: float) -> bool:
        """Return whether there is a tick at this time."""
        index = bisect_left(self.times, when)
        return index < len(self.times) and self.times[index] == when

    def oldest(self, seconds: float) -> float:
        """Return the tick at the start of a window of this length that ended at the last tick."""
        return self.start(self.times[-1], seconds)


_SLACK: Final = 1e-6
"""Seconds by which rounding may have moved a tick."""


def kept(times: Sequence[float], now: float) -> list[float]:
    """Return the ticks to keep: the first one in each slot of its tier."""
    result: list[float] = []
    last: tuple[float, float] | None = None
    for when in times:
        size = _slot_size(now - when)
        if size is None:
            continue
        slot = (size, when // size) if size else None
        if slot is None or slot != last:
            result.append(when)
        last = slot
    return result


def _slot_size(age: float) -> float | None:
    return next((size for up_to, size in TIERS if age <= up_to), None)
