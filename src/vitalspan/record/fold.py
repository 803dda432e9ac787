"""The fold: buffered records become counts, a batch at a time."""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Final

from vitalspan.record.cell import LARGE_BATCH, SMALL_BATCH, Cell
from vitalspan.record.details import IN_PROGRESS, Record
from vitalspan.record.faults import Faults
from vitalspan.record.grid import FINE

_duration = itemgetter(1)

_LARGE_BUFFERS: Final = 64
"""Cells that may buffer a large batch at one time, which bounds what all buffers hold."""

_PRESSURE: Final = 64 * LARGE_BATCH
"""Records of one cell beyond which a caller waits for the thread that is folding."""

_PATIENCE: Final = 0.05
"""Seconds that it waits at most, so that no deadlock can come of it."""


def _end(record: Record) -> float:
    seconds: float = record[0] + record[1]
    return seconds


class Folder:
    """Counts what the cells of one monitor have buffered and keeps the most recent calls.

    A batch is taken out of a buffer under the lock, sorted and counted without it, and merged under
    it again by whoever gets the lock first. No caller waits for the lock, unless its buffer has
    grown to a size that only a stalled fold explains.
    """

    def __init__(self, now: Callable[[], float], recent: int, faults: Faults) -> None:
        self.recent: deque[Record] = deque(maxlen=recent)
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
                    self._merge(cell)
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
            for cell in cells:
                if cell.records or cell.notes or cell.pending:
                    self._shrink(cell)
                    self._count(cell, self._take(cell))
                    self._merge(cell)
        finally:
            self._lock.release()

    def in_progress(self, cell: Cell) -> tuple[int, float | None]:
        """Return how many calls are inside and, on the steady clock, when the oldest began."""
        starts = [record[0] for record in list(cell.records) if record[1] == IN_PROGRESS]
        return len(starts), min(starts, default=None)

    def _take(self, cell: Cell) -> tuple[list[Record], list[float]]:
        notes = cell.notes
        taken = notes[: len(notes)]
        del notes[: len(taken)]
        if taken:
            cell.merge_notes(taken)
        records = cell.records
        batch = records[: len(records)]
        ordered = sorted(durations := list(map(_duration, batch)))
        if not ordered or ordered[-1] != IN_PROGRESS:
            del records[: len(batch)]
            cell.limit = cell.batch
            return batch, ordered
        # Decide by the durations that were read: a call that ends meanwhile is for the next fold.
        ended = [seconds != IN_PROGRESS for seconds in durations]
        waiting = [record for record, end in zip(batch, ended, strict=True) if not end]
        records[: len(batch)] = waiting
        cell.limit = cell.batch + 2 * len(waiting)
        return (
            [record for record, end in zip(batch, ended, strict=True) if end],
            ordered[: len(batch) - len(waiting)],
        )

    def _count(self, cell: Cell, taken: tuple[list[Record], list[float]]) -> None:
        batch, durations = taken
        if not batch:
            return
        began = self._now()
        total = sum(durations)
        buckets: dict[int, int] = {}
        index, size = 0, len(durations)
        while index < size:
            bucket = bisect_left(FINE, durations[index])
            after = bisect_right(durations, FINE[bucket], index)
            buckets[bucket] = after - index
            index = after
        cell.pending.append((buckets, total, durations[-1], batch))
        self.folds += 1
        self.seconds += self._now() - began

    def _merge(self, cell: Cell) -> None:
        pending = cell.pending
        while pending:
            buckets, total, longest, batch = pending.pop()
            cell.merge(buckets, total)
            self._keep(batch, longest)

    def _keep(self, batch: list[Record], longest: float) -> None:
        recent = self.recent
        size = recent.maxlen
        if not size:
            return
        # A batch is in the order of starts. Where no call is longer than the mean distance between
        # two starts, that is the order of ends as well, and sorting would only cost time.
        if longest * len(batch) > batch[-1][0] - batch[0][0]:
            batch = sorted(batch, key=_end)
        newest = batch[-size:]
        if recent and newest[0][0] < _end(recent[-1]):
            # Calls of other operations ended among these.
            if len(recent) == size:
                oldest = _end(recent[0])
                newest = [record for record in newest if _end(record) > oldest]
            # In one assignment, so that a reader sees the old calls or the new.
            self.recent = deque(sorted([*recent, *newest], key=_end), size)
        else:
            recent.extend(newest)

    def _grow(self, cell: Cell) -> None:
        if cell.batch == SMALL_BATCH and self._large:
            self._large -= 1
            cell.batch = LARGE_BATCH

    def _shrink(self, cell: Cell) -> None:
        if cell.batch == LARGE_BATCH and len(cell.records) < SMALL_BATCH:
            self._large += 1
            cell.batch = SMALL_BATCH
