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
from vitalspan.record.locks import acquire
from vitalspan.record.recent import Recent

_start = itemgetter(0)
_duration = itemgetter(1)

_LARGE_BUFFERS: Final = 32
"""Cells that may buffer a large batch at one time, which bounds what all buffers hold."""

_PRESSURE: Final = 32 * LARGE_BATCH
"""Records of one cell beyond which a caller waits for the thread that is folding."""

_PATIENCE: Final = 0.05
"""Seconds that it waits at most, so that no deadlock can come of it."""

_DEEPEST: Final = 12
"""Calls within calls that a fold makes at most, with some to spare."""

_READERS_PATIENCE: Final = 1.0
"""Seconds that a reader waits at most, who would see old counts otherwise."""

_LOST: Final = 5.0
"""Seconds of waiting in vain, by all threads together, after which a lock is taken for lost."""


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
        self._holder = 0
        self._waited = 0.0
        self._large = _LARGE_BUFFERS

    def reset(self) -> None:
        """Begin anew, with a lock that no other thread can hold."""
        self._lock = threading.Lock()
        self._holder = 0
        self._waited = 0.0
        self.recent.clear()
        self.folds = 0
        self.seconds = 0.0

    def full(self, cell: Cell) -> None:
        """Fold a cell whose buffer has reached its limit, in the caller's thread."""
        batch: list[Record] = []
        try:
            _find_room(_DEEPEST)
        except RecursionError:
            # A fold that breaks off in the middle loses calls. One further up the stack will do it.
            cell.limit = len(cell.records) + cell.batch
            return
        try:
            lock = self._enter()
            if lock is None:
                # Trying again at each call would cost every caller while the folding thread waits
                # for its turn.
                cell.limit = len(cell.records) + cell.batch
                if cell.limit >= _PRESSURE:
                    lock = self._enter(_PATIENCE)
                if lock is None:
                    return
            # No loop stands in these `try` themselves: CPython 3.13 leaves its jump back out of
            # what they protect, and a signal handler may raise there.
            try:
                self._grow(cell)
                batch = self._take(cell)
            finally:
                self._holder = 0
                lock.release()
            self._count(cell, batch)
            lock = self._enter()
            if lock is not None:
                try:
                    self._merge(cell)
                finally:
                    self._holder = 0
                    lock.release()
        except BaseException as fault:  # noqa: BLE001 - the caller's call must not fail
            self._recover(cell, batch, fault)

    def fold(self, cells: Iterable[Cell], then: Callable[[], None] | None = None) -> bool:
        """Count everything that has ended, for a reader that wants the present state.

        A reader that has interrupted a fold, in a signal handler say, sees what was before it.

        Args:
            cells: those that are read.
            then: reads them, while no other thread can count anything.

        Returns:
            Whether they could be counted, and `then` was called.
        """
        lock = self._enter(_READERS_PATIENCE)
        if lock is None:
            return False
        try:
            self._fold(cells)
            if then is not None:
                then()
            return True
        finally:
            self._holder = 0
            lock.release()

    def in_progress(self, cell: Cell) -> tuple[int, float | None]:
        """Return how many calls are inside and, on the steady clock, when the oldest began."""
        # Another thread may take a call from the buffer into its hand or put it back meanwhile, so
        # the buffer is read before the hands and after them.
        seen = list(cell.records)
        for batch in list(cell.in_hand.values()):
            seen += batch
        seen += cell.records
        inside = {id(record): record[0] for record in seen if record[1] == IN_PROGRESS}
        return len(inside), min(inside.values(), default=None)

    def _enter(self, seconds: float = 0.0) -> threading.Lock | None:
        """Return the lock, taken, or None where another or this very thread keeps it so long.

        A lock that nobody gets any more is replaced: CPython 3.10 may run a signal handler where
        it cannot be helped that an exception leaves the lock taken.
        """
        lock, thread = self._lock, threading.get_ident()
        interrupted = thread == self._holder
        if not interrupted and acquire(lock, seconds):
            self._holder = thread
            self._waited = 0.0
            return lock
        self._waited += _PATIENCE if interrupted else seconds
        if self._waited > _LOST:
            self._lock = threading.Lock()
            self._holder = 0
            self._waited = 0.0
        return None

    def _fold(self, cells: Iterable[Cell]) -> None:
        ended: list[Record] = []
        for cell in cells:
            if cell.records or cell.pending or cell.batch != SMALL_BATCH:
                self._shrink(cell)
                ended += self._folded(cell)
        if ended:
            # All together, since what many cells bring one by one is sorted again for each.
            ended.sort(key=_start)
            self.recent.add(ended, max(map(_duration, ended)))
        self.recent.settle()

    def _folded(self, cell: Cell) -> list[Record]:
        batch: list[Record] = []
        ended: list[Record] = []
        try:
            batch = self._take(cell)
            self._count(cell, batch)
            for kept, _ in self._merged(cell):
                ended += kept
        except BaseException as fault:  # noqa: BLE001 - the other cells can be read
            self._recover(cell, batch, fault)
        return ended

    def _take(self, cell: Cell) -> list[Record]:
        records = cell.records
        batch = records[:]
        if cell.limit != cell.batch:
            # Calls that were put back come after younger ones.
            batch.sort(key=_start)
        size, hand = len(batch), id(batch)
        cell.in_hand[hand] = batch
        del records[:size]
        cell.limit = cell.batch
        return batch

    def _count(self, cell: Cell, batch: list[Record]) -> None:
        hand = id(batch)
        if not batch:
            cell.in_hand.pop(hand, None)
            return
        began = self._now()
        durations = list(map(_duration, batch))
        longest = max(durations)
        waiting: list[Record] = []
        if longest == IN_PROGRESS:
            batch, waiting = _parted(batch, durations)
            durations = [seconds for seconds in durations if seconds != IN_PROGRESS]
            longest = max(durations, default=0.0)
        # The notes of a batch are counted with it, so that a scrape never shows more errors than
        # calls. The tokens only tell whether it is worth looking for them.
        noted = [record for record in batch if len(record) > 3] if cell.notes else []
        counted = []
        if batch:
            buckets = _buckets(durations, longest)
            counted.append((buckets, sum(durations), noted, longest, batch))
        limit = cell.batch + 2 * len(waiting)
        # What was begun anew meanwhile, in a forked child, is not counted. Nothing is called in
        # these statements, so no signal handler can come between them.
        if hand not in cell.in_hand:
            return
        cell.records += waiting
        cell.pending += counted
        del cell.notes[: len(noted)]
        del cell.in_hand[hand]
        if waiting:
            cell.limit = limit
        self.folds += bool(batch)
        self.seconds += self._now() - began

    def _merge(self, cell: Cell) -> None:
        for batch, longest in self._merged(cell):
            self.recent.add(batch, longest)

    def _merged(self, cell: Cell) -> Iterator[tuple[list[Record], float]]:
        pending = cell.pending
        while pending:
            buckets, total, noted, longest, batch = pending.pop(0)
            cell.merge(buckets, total)
            cell.merge_notes(noted)
            for judge in cell.judges:
                judge.judge(batch)
            yield batch, longest

    def _recover(self, cell: Cell, batch: list[Record], fault: BaseException) -> None:
        """Put back what was not counted: calls in progress, and all after a signal handler."""
        ours = isinstance(fault, Exception)
        if cell.in_hand.pop(id(batch), None) is not None:
            cell.records += [one for one in batch if one[1] == IN_PROGRESS or not ours]
        if not ours:
            raise fault
        self._faults.note("fold", "folding recorded calls failed")

    def _grow(self, cell: Cell) -> None:
        if cell.batch == SMALL_BATCH and self._large:
            self._large -= 1
            cell.batch = LARGE_BATCH

    def _shrink(self, cell: Cell) -> None:
        if cell.batch == LARGE_BATCH and len(cell.records) < SMALL_BATCH:
            self._large += 1
            cell.batch = SMALL_BATCH


def _parted(batch: list[Record], durations: list[float]) -> tuple[list[Record], list[Record]]:
    """Return the calls that had ended when their durations were read, and the others."""
    ended: list[Record] = []
    waiting: list[Record] = []
    for record, seconds in zip(batch, durations, strict=True):
        (waiting if seconds == IN_PROGRESS else ended).append(record)
    return ended, waiting


def _buckets(durations: list[float], longest: float) -> dict[int, int]:
    """Return how many durations are in each fine bucket."""
    if longest <= FINE[0]:
        return {0: len(durations)}
    ordered = sorted(durations)
    buckets: dict[int, int] = {}
    index, size = 0, len(ordered)
    while index < size:
        bucket = bisect_left(FINE, ordered[index])
        after = bisect_right(ordered, FINE[bucket], index)
        buckets[bucket] = after - index
        index = after
    return buckets


def _find_room(calls: int) -> None:
    """Raise RecursionError where not so many calls within calls are possible any more."""
    if calls:
        _find_room(calls - 1)
