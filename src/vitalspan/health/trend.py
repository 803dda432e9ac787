"""The trend of the score: snapshots, and the line through them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from statistics import linear_regression
from typing import Final

from vitalspan.health.result import Snapshot, Trend
from vitalspan.health.score import BEST

MIN_SNAPSHOTS: Final = 3
"""The minimum number of scores for a trend."""

HORIZON: Final = 3600.0
"""Seconds that a forecast looks ahead."""


class Snapshots:
    """The latest snapshots of the score.

    Args:
        kept: the number of snapshots to keep.
        interval: the minimum number of seconds between two of them.
    """

    def __init__(self, kept: int, interval: float) -> None:
        self._snapshots: deque[tuple[float, Snapshot]] = deque(maxlen=kept)
        self._interval = interval

    def configure(self, kept: int, interval: float) -> None:
        """Change the number of snapshots and their interval."""
        self._snapshots = deque(self._snapshots, maxlen=kept)
        self._interval = interval

    def take(self, now: float, snapshot: Snapshot) -> None:
        """Store a snapshot, unless the last one is too recent.

        Args:
            now: the time on the steady clock, in seconds.
            snapshot: the score at that time.
        """
        last = self._snapshots[-1][0] if self._snapshots else float("-inf")
        if now - last >= self._interval - 1e-3:
            self._snapshots.append((now, snapshot))

    def trend(self) -> Trend:
        """Return the snapshots, and the results of a least-squares line through their scores."""
        snapshots = tuple(snapshot for _, snapshot in self._snapshots)
        points = [(at, one.score) for at, one in self._snapshots if one.score is not None]
        if len(points) < MIN_SNAPSHOTS:
            return Trend(snapshots)
        last = points[-1][0]
        line = linear_regression([at - last for at, _ in points], [score for _, score in points])
        ahead = line.intercept + line.slope * HORIZON
        return Trend(snapshots, line.slope * HORIZON, min(BEST, max(0.0, ahead)))

    def __iter__(self) -> Iterator[tuple[float, Snapshot]]:
        return iter(tuple(self._snapshots))

    def restore(self, kept: Iterable[tuple[float, Snapshot]]) -> None:
        """Replace the snapshots by others, whose times are on the steady clock."""
        self._snapshots = deque(kept, maxlen=self._snapshots.maxlen)

    def clear(self) -> None:
        """Drop all snapshots."""
        self._snapshots.clear()
