"""The fold: buffered records become counts, a batch at a time."""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from typing import Final

from vitalspan.record.cell import LARGE_BATCH, SMALL_BATCH, Cell
from vitalspan.record.details import IN_PROGRESS, Record
from vitalspan.record.faults import Faults
from vitalspan.record.grid import FINE
from vitalspan.record.recent import Recent

_start = itemgetter(0)
_duration = itemgetter(1)

_LARGE_BUFFERS: Final = 32
"""Cells that may buffer a large batch at one time, which bounds what all buffers hold."""

_PRESSURE: Final = 32 * LARGE_BATCH
"""Records of one cell beyond which a caller waits for the thread that is folding."""

_PATIENCE: Final = 0.05
"""Seconds that it waits at most, so that no deadlock can come of it."""


class Folder:
    """Counts what the cells of one monitor have buffered and keeps the most recent calls.

    A batch is taken out of a buffer under the lock, sorted and counted without it, and merged under
    it again by whoever gets the lock first. No caller waits for the lock, unless its buffer has
    grown to a size that only a stalled fold explains.
    """

    def __init__(self, now: Callable[[], float], recent: int, faults: Faults) -> None:
        self.recent = Recent(recent)
        self.folds = 0
        self.seconds = 0.0
        self._now = now
        self._faults = faults
        self._lock = threading.Lock()
        self._large = _LARGE_BUFFERS

    def reset(self) -> None:
        """Begin anew, with a lock that no other thread can hold."""
        self._lock = threading.Lock()
        self.recent.clear()
        self.folds = 0
        self.seconds = 0.0

    def full(self, cell: Cell) -> None:
        """Fold a cell whose buffer has reached its limit, in the caller's thread."""
        try:
            if not self._lock.acquire(blocking=False):
                # Trying again at each call would cost every caller while the folding thread waits
                # for its turn.
                cell.limit = len(cell.records) + cell.batch
                if cell.limit < _PRESSURE or not self._lock.acquire(timeout=_PATIENCE):
                    return
            try:
                self._grow(cell)
                batch = self._take(cell)
            finally:
                self._lock.release()
            self._count(cell, batch)
            if self._lock.acquire(blocking=False):
                try:
                    for kept in self._merged(cell):
                        self.recent.add(*kept)
                finally:
                    self._lock.release()
        except Exception:  # noqa: BLE001 - the caller's call must not fail
            self._faults.note("fold", "folding recorded calls failed")

    def fold(self, cells: Iterable[Cell]) -> None:
        """Count everything that has ended, for a reader that wants the present state."""
        if not self._lock.acquire(timeout=1.0):
            # Only a fold that this very thread has interrupted holds the lock for so long.
            return
        try:
            ended: list[Record] = []
            for cell in cells:
                if cell.records or cell.notes or cell.pending:
                    self._shrink(cell)
                    self._count(cell, self._take(cell))
                    for batch, _ in self._merged(cell):
                        ended += batch
            if ended:
                # All together, since what many cells bring one by one is sorted again for each.
                ended.sort(key=_start)
                self.recent.add(ended, max(map(_duration, ended)))
        finally:
            self._lock.release()

    def in_progress(self, cell: Cell) -> tuple[int, float | None]:
        """Return how many calls are inside and, on the steady clock, when the oldest began."""
        batches = [cell.records, *list(cell.in_hand.values())]
        # A call that another thread is putting back may be in both its hand and the buffer.
        inside = {
            id(record): record
            for batch in batches
            for record in list(batch)
            if record[1] == IN_PROGRESS
        }
        return len(inside), min(map(_start, inside.values()), default=None)

    def _take(self, cell: Cell) -> list[Record]:
        notes = cell.notes
        taken = notes[:]
        del notes[: len(taken)]
        if taken:
            cell.merge_notes(taken)
        records = cell.records
        batch = records[:]
        cell.in_hand[id(batch)] = batch
        del records[: len(batch)]
        cell.limit = cell.batch
        return batch

    def _count(self, cell: Cell, batch: list[Record]) -> None:
        began = self._now()
        durations = list(map(_duration, batch))
        ordered = sorted(durations)
        if ordered and ordered[-1] == IN_PROGRESS:
            batch = self._put_back(cell, batch, durations)
            del ordered[len(batch) :]
        else:
            del cell.in_hand[id(batch)]
        if not batch:
            return
        buckets: dict[int, int] = {}
        index, size = 0, len(ordered)
        while index < size:
            bucket = bisect_left(FINE, ordered[index])
            after = bisect_right(ordered, FINE[bucket], index)
            buckets[bucket] = after - index
            index = after
        cell.pending.append((buckets, sum(ordered), ordered[-1], batch))
        self.folds += 1
        self.seconds += self._now() - began

    def _put_back(self, cell: Cell, batch: list[Record], durations: list[float]) -> list[Record]:
        # Decide by the durations that were read: a call that ends meanwhile is for the next fold.
        waiting = [
            record
            for record, seconds in zip(batch, durations, strict=True)
            if seconds == IN_PROGRESS
        ]
        cell.records[:0] = waiting
        cell.limit = cell.batch + 2 * len(waiting)
        del cell.in_hand[id(batch)]
        return [
            record
            for record, seconds in zip(batch, durations, strict=True)
            if seconds != IN_PROGRESS
        ]

    def _merged(self, cell: Cell) -> Iterator[tuple[list[Record], float]]:
        pending = cell.pending
        while pending:
            buckets, total, longest, batch = pending.pop(0)
            cell.merge(buckets, total)
            yield batch, longest

    def _grow(self, cell: Cell) -> None:
        if cell.batch == SMALL_BATCH and self._large:
            self._large -= 1
            cell.batch = LARGE_BATCH

    def _shrink(self, cell: Cell) -> None:
        if cell.batch == LARGE_BATCH and len(cell.records) < SMALL_BATCH:
            self._large += 1
            cell.batch = SMALL_BATCH
