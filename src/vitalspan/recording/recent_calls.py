"""The calls that ended last, over all operations of a monitor."""

from __future__ import annotations

import contextlib
from bisect import bisect_left
from collections.abc import Set as AbstractSet
from operator import itemgetter
from typing import Any, Final

from vitalspan.recording.call_record import Record
from vitalspan.recording.call_watch import MOST_WATCHES, CallWatch, end_of

_ROOM: Final = 128
"""The number of calls that are kept beyond four times the size before they are sorted."""


_start = itemgetter(0)


class RecentCalls:
    """The `size` calls that ended last.

    Batches arrive ordered by the starts of their calls and are kept in that order. They are sorted
    by their ends when there are many of them or when they are read. Only one thread may add at a
    time, while any may read.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.clear()

    def clear(self) -> None:
        """Drop all calls and watches."""
        self._watches: list[CallWatch] = []
        self._kept: list[Record] = []
        self._latest = float("-inf")
        self._mark = 0

    def resize(self, size: int) -> None:
        """Keep this many calls from now on."""
        self.size = size
        self.settle()

    def add(self, batch: list[Record], longest: float) -> None:
        """Add finished calls in the order of their starts; the longest took `longest` seconds."""
        if self._watches:
            self._show(batch)
        size, kept = self.size, self._kept
        if not size:
            return
        latest = max(self._latest, batch[-1][0] + longest)
        if len(batch) > size:
            # Calls that ended before the last `size` began are dropped now, while they are in the
            # processor's cache, and so that the next calls can reuse their memory.
            batch = batch[bisect_left(batch, batch[-size][0] - longest, key=_start) :]
        if batch[0][0] < self._latest:
            # Calls of other operations ended in between.
            self._mark = 0
        elif len(batch) >= size:
            # All earlier calls ended before these began. In one step, because others may be
            # reading.
            kept[:] = batch
            self._mark = 0
            batch = []
        elif len(kept) - self._mark >= size:
            # Calls before the mark ended before any call after it began.
            del kept[: self._mark]
            self._mark = len(kept)
        kept.extend(batch)
        self._latest = latest
        if len(kept) > 4 * size + _ROOM:
            self.settle()

    def watch(self, watch: CallWatch) -> None:
        """Offer new calls to a watch until it has ended."""
        self._watches.append(watch)
        del self._watches[:-MOST_WATCHES]

    def _show(self, batch: list[Record]) -> None:
        for watch in list(self._watches):
            watch.offer(batch)
            if watch.ended:
                with contextlib.suppress(ValueError):
                    # Another watch may have replaced it.
                    self._watches.remove(watch)

    def settle(self) -> None:
        """Keep at most `size` calls."""
        if len(self._kept) > self.size:
            self._kept = self.latest()
            self._mark = 0

    def release_sites(self, series: AbstractSet[int]) -> None:
        """Drop the call sites of some series; the calls are shown as before.

        Args:
            series: the `id`s of the series.
        """
        copies: dict[int, Any] = {}
        for record in list(self._kept):
            site = record[2]
            if id(site.series) in series:
                copy = copies.get(id(site))
                if copy is None:
                    copy = copies[id(site)] = site.with_series(site.series)
                    # Copies are listed as well, in case two of these calls share one already.
                    copies[id(copy)] = copy
                record[2] = copy

    def latest(self) -> list[Record]:
        """Return the calls that ended last, in the order of their ends."""
        return sorted(self._kept, key=end_of)[-self.size :] if self.size else []
