"""The aggregator: counts the calls in the buffers, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from operator import itemgetter
from typing import Any, Final

from vitalspan.recording.batch_counts import (
    belongs_elsewhere,
    durations_within,
    in_buckets,
    split_by_progress,
    with_details,
    within_sessions,
    without_relocated,
)
from vitalspan.recording.call_record import IN_PROGRESS, Record
from vitalspan.recording.enclosing_sessions import EnclosingSession, innermost
from vitalspan.recording.fold_lock import PATIENCE, FoldLock
from vitalspan.recording.pickling import MonitorPart, rebuild
from vitalspan.recording.recent_calls import RecentCalls
from vitalspan.recording.series import LARGE_BATCH, SMALL_BATCH, CountedBatch, EnclosedCalls, Series
from vitalspan.runtime.internal_errors import InternalErrors
from vitalspan.runtime.recursion import find_room

_start = itemgetter(0)
_duration = itemgetter(1)

_LARGE_BUFFERS: Final = 32
"""The number of series that may have a large buffer at a time, which bounds memory."""

_PRESSURE: Final = 32 * LARGE_BATCH
"""The number of records of one series from which on a caller waits for the thread that folds."""

_DEEPEST: Final = 12
"""The depth of nested Python calls that a fold needs, with some to spare."""

_READERS_PATIENCE: Final = 1.0
"""How many seconds a reader waits at most before it continues with older counts."""


class Aggregator(MonitorPart):
    """Counts the buffered calls of one monitor's series, and keeps the most recent ones.

    A batch is taken out of a buffer under the lock, sorted and counted without it, and then merged
    under it by the first thread that gets the lock. No caller waits for the lock, unless its buffer
    has grown so large that a fold must have stalled.
    """

    def __init__(
        self,
        now: Callable[[], float],
        recent: int,
        internal_errors: InternalErrors,
        relocate: Callable[[Record], Series],
    ) -> None:
        self.recent = RecentCalls(recent)
        self.flushes = 0
        self.seconds = 0.0
        self.first_flush: Callable[[], None] | None = None
        """Called once, in the first thread that counts; it must not raise."""
        self._now = now
        self._internal_errors = internal_errors
        self._relocate = relocate
        self._relocated_to: list[Series] = []
        self._lock = FoldLock()
        self._large = _LARGE_BUFFERS
        self.open_sessions: dict[int, EnclosingSession] = {}
        self.application_session: EnclosingSession | None = None
        """The session of all calls that are in no other session."""

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, ("aggregator",)

    def reset(self) -> None:
        """Start over, with a lock that no other thread can hold."""
        self._lock.reset()
        self.recent.clear()
        self.flushes = 0
        self.seconds = 0.0

    def flush(self, series: Series) -> None:
        """Fold a series whose buffer is full, in the caller's thread."""
        batch: list[Record] = []
        try:
            find_room(_DEEPEST)
        except RecursionError:
            # A fold that stops halfway loses calls. A later call, higher up the stack, will do it.
            series.limit = len(series.records) + series.batch
            return
        try:
            first_flush, self.first_flush = self.first_flush, None
            if first_flush is not None:
                first_flush()
            fold_lock = self._lock
            lock = fold_lock.enter()
            if lock is None:
                # Retrying at each call would slow down every caller while another thread folds.
                series.limit = len(series.records) + series.batch
                if series.limit >= _PRESSURE:
                    lock = fold_lock.enter(PATIENCE)
                if lock is None:
                    return
            # These `try` blocks contain no loops: CPython 3.13 leaves the jump back out of the
            # protected range, and a signal handler may raise there.
            try:
                self._grow(series)
                batch = self._take_batch(series)
            finally:
                fold_lock.holder = 0
                lock.release()
            self._count_batch(series, batch)
            lock = fold_lock.enter()
            if lock is not None:
                try:
                    self._apply(series)
                finally:
                    fold_lock.holder = 0
                    lock.release()
            if self._relocated_to:
                self._flush_relocated()
        except BaseException as fault:  # noqa: BLE001 - the caller's call must not fail
            self._recover(series, batch, fault)

    @contextmanager
    def flushed(self, all_series: Callable[[], list[Series]]) -> Iterator[list[Series] | None]:
        """Count everything that has ended, and keep other threads from counting during the block.

        A reader that interrupts a flush, for example in a signal handler, sees the previous counts.

        Args:
            all_series: returns the series to read.

        Yields:
            The series, or None if another thread keeps counting for too long.
        """
        lock = self._lock.enter(_READERS_PATIENCE)
        if lock is None:
            yield None
            return
        try:
            yield self._flush_all(all_series)
        finally:
            self._lock.holder = 0
            lock.release()

    def settled(self, all_series: list[Series]) -> Iterator[Collection[Record]]:
        """Yield the records that are still buffered, series by series.

        Only call this within `flushed`. The records are calls in progress, calls that have just
        ended, and calls that other threads are counting now and will merge later.
        """
        for series in all_series:
            while series.records or series.in_hand:
                # A batch in hand is added to the pending ones before it is removed from `in_hand`.
                batches = [*list(series.in_hand.values()), list(series.records)]
                if not series.pending:
                    # What is put back is in the buffer before it is removed from `in_hand`.
                    yield {id(record): record for batch in batches for record in batch}.values()
                    break
                self._apply(series)

    def _flush_all(self, all_series: Callable[[], list[Series]]) -> list[Series]:
        every = all_series()
        ended: list[Record] = []
        for series in every:
            if series.records or series.pending or series.batch != SMALL_BATCH:
                self._shrink(series)
                ended += self._flush_and_collect(series)
        relocated, self._relocated_to = self._relocated_to, []
        for series in relocated:
            ended += self._flush_and_collect(series)
        if ended:
            # All at once, because adding them series by series would sort again for each.
            ended.sort(key=_start)
            self.recent.add(ended, max(map(_duration, ended)))
        self.recent.settle()
        return all_series() if relocated else every

    def _flush_relocated(self) -> None:
        relocated, self._relocated_to = self._relocated_to, []
        for series in relocated:
            if len(series.records) >= series.limit:
                self.flush(series)

    def _flush_and_collect(self, series: Series) -> list[Record]:
        batch: list[Record] = []
        ended: list[Record] = []
        try:
            batch = self._take_batch(series)
            self._count_batch(series, batch)
            while series.pending:
                ended += self._merge(series).records
        except BaseException as fault:  # noqa: BLE001 - the other series can be read
            self._recover(series, batch, fault)
        return ended

    def _take_batch(self, series: Series) -> list[Record]:
        records = series.records
        batch = records[:]
        if series.limit != series.batch:
            # Calls that were put back come after younger ones.
            batch.sort(key=_start)
        size, hand = len(batch), id(batch)
        series.in_hand[hand] = batch
        del records[:size]
        series.limit = series.batch
        return batch

    def _count_batch(self, series: Series, batch: list[Record]) -> None:
        hand = id(batch)
        if not batch:
            series.in_hand.pop(hand, None)
            return
        began = self._now()
        durations, enclosure = durations_within(batch, self.open_sessions)
        total = sum(durations)
        waiting: list[Record] = []
        if total == IN_PROGRESS:
            batch, waiting = split_by_progress(batch, durations)
            durations = [seconds for seconds in durations if seconds != IN_PROGRESS]
            total = sum(durations)
        # The notes of a batch are counted with it, so that a scrape never shows more errors than
        # calls. The tokens only tell whether there are any to look for.
        noted = with_details(batch) if series.notes else []
        tokens = len(noted)
        if noted and any(map(belongs_elsewhere, noted)) and hand in series.in_hand:
            batch, relocated_to = without_relocated(series, batch, self._relocate)
            self._relocated_to += relocated_to
            noted = with_details(batch)
            durations = list(map(_duration, batch))
            total = sum(durations)
        counted = []
        if batch:
            buckets, spread = in_buckets(series.histogram.grid, durations, total)
            enclosed: EnclosedCalls = ()
            if self.open_sessions:
                if enclosure is not None:
                    enclosed = ((enclosure, None),)
                else:
                    outside = self.application_session is not None
                    enclosed = within_sessions(series, batch, outside=outside)
            counted.append(CountedBatch(buckets, total, spread, noted, batch, enclosed))
        limit = series.batch + 2 * len(waiting)
        # If counting has started over meanwhile, in a forked child, the batch is not counted. These
        # statements call nothing, so no signal handler can run between them.
        if hand not in series.in_hand:
            return
        series.records += waiting
        series.pending += counted
        del series.notes[:tokens]
        del series.in_hand[hand]
        if waiting:
            series.limit = limit
        self.flushes += bool(batch)
        self.seconds += self._now() - began

    def _apply(self, series: Series) -> None:
        while series.pending:
            batch = self._merge(series)
            self.recent.add(batch.records, batch.spread.longest)

    def _merge(self, series: Series) -> CountedBatch:
        batch = series.merge_pending()
        for enclosure, calls in batch.enclosed:
            session = innermost(enclosure, self.open_sessions) or self.application_session
            if session is not None:
                counted = calls or batch
                try:
                    session.add(series, counted)
                except Exception:  # noqa: BLE001 - the call itself is counted
                    self._internal_errors.note(
                        "session", "calls could not be counted in their session"
                    )
                for record in counted.noted:
                    # A reader of the batches of other threads may meet this record again.
                    record[3].enclosure = None
        return batch

    def _recover(self, series: Series, batch: list[Record], fault: BaseException) -> None:
        """Put back what was not counted: calls in progress, and all after a signal handler."""
        ours = isinstance(fault, Exception)
        if series.in_hand.pop(id(batch), None) is not None:
            # Calls with other labels are in another series already.
            here = [record for record in batch if record[2].series is series]
            series.records += [record for record in here if record[1] == IN_PROGRESS or not ours]
        if not ours:
            raise fault
        self._internal_errors.note("fold", "counting recorded calls failed")

    def _grow(self, series: Series) -> None:
        if series.batch == SMALL_BATCH and self._large:
            self._large -= 1
            series.batch = LARGE_BATCH

    def _shrink(self, series: Series) -> None:
        if series.batch == LARGE_BATCH and len(series.records) < SMALL_BATCH:
            self._large += 1
            series.batch = SMALL_BATCH
