"""The calls that ended last, over all operations of a monitor."""

from __future__ import annotations

import contextlib
from bisect import bisect_left
from collections.abc import Set as AbstractSet
from operator import itemgetter
from typing import Any, Final

from vitalspan.recording.call_record import Record
from vitalspan.recording.call_watch import MOST_WATCHES, CallWatch

_ROOM: Final = 128
"""Calls that are kept beyond four times the size before they are sorted."""


_start = itemgetter(0)


def _end(record: Record) -> float:
    seconds: float = record[0] + record[1]
    return seconds


class RecentCalls:
    """The `size` calls that ended last.

    Batches come in the order in which their calls began and are kept as they come. They are sorted
    by their ends when there are many of them or somebody reads. Adding is for one thread at a time,
    reading for any.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.clear()

    def clear(self) -> None:
        """Forget every call, and whoever watches."""
        self._watches: list[CallWatch] = []
        self._kept: list[Record] = []
        self._latest = float("-inf")
        self._mark = 0

    def resize(self, size: int) -> None:
        """Keep that many calls from now on."""
        self.size = size
        self.settle()

    def add(self, batch: list[Record], longest: float) -> None:
        """Add finished calls in the order of their starts, the longest of them so many seconds."""
        if self._watches:
            self._show(batch)
        size, kept = self.size, self._kept
        if not size:
            return
        latest = max(self._latest, batch[-1][0] + longest)
        if len(batch) > size:
            # What had ended before the last `size` began is let go at once: while it is in the
            # processor's cache, and so that its memory is used again by the next calls.
            batch = batch[bisect_left(batch, batch[-size][0] - longest, key=_start) :]
        if batch[0][0] < self._latest:
            # Calls of other operations ended among these.
            self._mark = 0
        elif len(batch) >= size:
            # Everything before ended before these began. In one step, since others may read.
            kept[:] = batch
            self._mark = 0
            batch = []
        elif len(kept) - self._mark >= size:
            # What is before the mark ended before anything after it began.
            del kept[: self._mark]
            self._mark = len(kept)
        kept.extend(batch)
        self._latest = latest
        if len(kept) > 4 * size + _ROOM:
            self.settle()

    def watch(self, watch: CallWatch) -> None:
        """Show it the calls that are added, until it has ended."""
        self._watches.append(watch)
        del self._watches[:-MOST_WATCHES]

    def _show(self, batch: list[Record]) -> None:
        for watch in list(self._watches):
            watch.offer(batch)
            if watch.ended:
                with contextlib.suppress(ValueError):
                    # It may have made room for another.
                    self._watches.remove(watch)

    def settle(self) -> None:
        """Keep no more than `size` calls."""
        if len(self._kept) > self.size:
            self._kept = self.latest()
            self._mark = 0

    def release_sites(self, series: AbstractSet[int]) -> None:
        """Let go of the call sites of some series; the calls are shown as before.

        Args:
            series: the `id` of each.
        """
        copies: dict[int, Any] = {}
        for record in list(self._kept):
            site = record[2]
            if id(site.series) in series:
                copy = copies.get(id(site))
                if copy is None:
                    copy = copies[id(site)] = site.with_series(site.series)
                    # It is known as well, should two of these calls share it already.
                    copies[id(copy)] = copy
                record[2] = copy

    def latest(self) -> list[Record]:
        """Return the calls that ended last, in the order of their ends."""
        return sorted(self._kept, key=_end)[-self.size :] if self.size else []
