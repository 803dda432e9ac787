"""Clocks: the source of time, which is passed to everything else."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Two readings in seconds: a steady one for durations, and the time of day for dates."""

    def now(self) -> float:
        """Seconds on a clock that never goes back; its zero has no meaning."""

    def wall(self) -> float:
        """Seconds since the Unix epoch."""


class SystemClock:
    """The operating system's clocks."""

    # Class attributes keep the builtins: a Python method would cost a frame per call.
    now = staticmethod(time.perf_counter)
    wall = staticmethod(time.time)


class ManualClock:
    """A clock that only moves when told to, for tests.

    Args:
        start: the first value of `now()`, in seconds.
        wall: the first value of `wall()`, in seconds since the Unix epoch.
    """

    def __init__(self, start: float = 1000.0, wall: float = 1_700_000_000.0) -> None:
        self._now = start
        self._offset = wall - start

    def now(self) -> float:
        """Seconds since this clock's own zero."""
        return self._now

    def wall(self) -> float:
        """Seconds since the Unix epoch."""
        return self._now + self._offset

    def advance(self, seconds: float) -> None:
        """Move both readings forward.

        Raises:
            ValueError: if `seconds` is negative.
        """
        if seconds < 0:
            raise ValueError(
                f"advance({seconds!r:.80}): a steady clock cannot go back, use 0 or more seconds"
            )
        self._now += seconds

    def step_wall(self, seconds: float) -> None:
        """Set the time of day forward or back, as NTP may do; durations are not affected."""
        self._offset += seconds
