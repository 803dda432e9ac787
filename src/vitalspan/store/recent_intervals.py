"""The finest frames of the last intervals, which were just written."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from vitalspan.store.protocol import FrameRow

_KEPT: Final = 3
"""The number of intervals to keep: the current one, and those that are rolled up meanwhile."""


class RecentIntervals:
    """The finest frames of the last intervals of the second tier.

    They need not be read from the store again to be rolled up.

    Args:
        step: the length of the intervals in seconds.
        since: the time from which on no frame was in the store before.
    """

    def __init__(self, step: int, since: float) -> None:
        self._step = step
        self._since = since
        self._rows: dict[int, dict[tuple[int, int], FrameRow]] = {}

    def add(self, rows: Iterable[FrameRow]) -> None:
        """Add frames that were written. They replace those of the same start and group."""
        for row in rows:
            interval = row.start // self._step * self._step
            self._rows.setdefault(interval, {})[row.start, row.group] = row
        while len(self._rows) > _KEPT:
            gone = min(self._rows)
            del self._rows[gone]
            self._since = max(self._since, gone + self._step)

    def rows(self, start: int, groups: Collection[int]) -> list[FrameRow] | None:
        """Return the frames of an interval, or None if there may be others in the store.

        Args:
            start: the start of the interval.
            groups: the groups to return.
        """
        if start < self._since:
            return None
        return [row for row in self._rows.get(start, {}).values() if row.group in groups]
