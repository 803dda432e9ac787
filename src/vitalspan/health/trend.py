"""Snapshots of the score, and where they are going."""

from __future__ import annotations

from collections import deque
from statistics import linear_regression
from typing import Final

from vitalspan.health.result import Snapshot, Trend
from vitalspan.health.score import BEST

MIN_SNAPSHOTS: Final = 3
"""Scores without which nothing is said about where they are going."""

HORIZON: Final = 3600.0
"""Seconds ahead that a forecast is for."""


class Snapshots:
    """The latest snapshots.

    Args:
        kept: how many.
        interval: seconds between two of them, at least.
    """

    def __init__(self, kept: int, interval: float) -> None:
        self._kept: deque[tuple[float, Snapshot]] = deque(maxlen=kept)
        self._interval = interval

    def configure(self, kept: int, interval: float) -> None:
        """Keep so many from now on, the latest, so many seconds apart."""
        self._kept = deque(self._kept, maxlen=kept)
        self._interval = interval

    def take(self, now: float, snapshot: Snapshot) -> None:
        """Keep a snapshot, unless the last one is too young.

        Args:
            now: on the steady clock.
            snapshot: the score at that time.
        """
        last = self._kept[-1][0] if self._kept else float("-inf")
        if now - last >= self._interval - 1e-3:
            self._kept.append((now, snapshot))

    def trend(self) -> Trend:
        """Return the snapshots, and the least-squares line through their scores."""
        snapshots = tuple(snapshot for _, snapshot in self._kept)
        known = [(at, one.score) for at, one in self._kept if one.score is not None]
        if len(known) < MIN_SNAPSHOTS:
            return Trend(snapshots)
        last = known[-1][0]
        line = linear_regression([at - last for at, _ in known], [score for _, score in known])
        ahead = line.intercept + line.slope * HORIZON
        return Trend(snapshots, line.slope * HORIZON, min(BEST, max(0.0, ahead)))

    def clear(self) -> None:
        """Forget them."""
        self._kept.clear()
