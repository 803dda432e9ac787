"""The state of one series of calls: one component, operation and set of declared labels."""

from __future__ import annotations

from operator import itemgetter
from typing import Any, Final, NamedTuple

from vitalspan.labels import Labels, label_text
from vitalspan.metrics import COMPONENT, DURATION_BOUNDARIES, OPERATION
from vitalspan.recording.buckets import BucketGrid, grid_of
from vitalspan.recording.call_record import IN_PROGRESS, Record
from vitalspan.recording.detail_counts import NO_DETAILS
from vitalspan.recording.duration_histogram import NO_SPREAD, DurationHistogram, Spread
from vitalspan.recording.enclosing_sessions import Enclosure
from vitalspan.recording.pickling import MonitorPart, rebuild
from vitalspan.recording.slo_counter import AlikeCalls, JudgedCalls, SloCounter

SMALL_BATCH: Final = 16
LARGE_BATCH: Final = 256
"""The number of records that a series buffers before they are counted, while it is busy."""


class CountedBatch(NamedTuple):
    """Finished calls that have been counted and wait to be merged into a series.

    Attributes:
        buckets: the number of calls in each fine bucket.
        total: the sum of their durations in seconds.
        spread: the sum of the squares, the shortest and the longest duration.
        noted: the calls that have details.
        records: all of them.
        enclosed: the calls that began within sessions, by their enclosure; None for all calls.
    """

    buckets: dict[int, int]
    total: float
    spread: Spread
    noted: list[Record]
    records: list[Record]
    enclosed: EnclosedCalls = ()


EnclosedCalls = tuple[tuple[Enclosure, CountedBatch | None], ...]


class FreshCalls(NamedTuple):
    """The calls since the previous reading.

    Attributes:
        buckets: the number of calls in each fine bucket.
        spread: the sum of the squares, the shortest and the longest duration.
    """

    buckets: dict[int, int]
    spread: Spread


class RecordBuffer(list[Record]):
    """The buffer of a series, which is pickled as a reference to the series."""

    __slots__ = ("_series",)

    def __init__(self, series: Series) -> None:
        self._series = series

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (self._series, "records")


class Series(MonitorPart):
    """The counts of a series' calls, and the buffer of records that are not counted yet.

    Any thread writes to the buffers, with single, atomic operations. Everything else is only
    written under the aggregator's lock.

    Args:
        component: the component of the operation.
        operation: the name of the operation.
        labels: the declared labels.
        grid: the buckets of durations; None for the default boundaries.
    """

    __slots__ = (
        "__weakref__",
        "batch",
        "component",
        "created",
        "details",
        "fresh",
        "hidden",
        "histogram",
        "in_hand",
        "judged",
        "labels",
        "limit",
        "notes",
        "operation",
        "pending",
        "records",
        "slo_counters",
        "split",
        "text",
    )

    def __init__(
        self, component: str, operation: str, labels: Labels, grid: BucketGrid | None = None
    ) -> None:
        self.component = component
        self.operation = operation
        self.labels = labels
        self.created: float | None = None
        """When its counts started at zero, in seconds since the epoch."""
        self.text = label_text(((COMPONENT, component), (OPERATION, operation), *labels))
        self.records = RecordBuffer(self)
        self.notes: list[None] = []
        self.pending: list[CountedBatch] = []
        self.judged: list[JudgedCalls] = []
        self.in_hand: dict[int, list[Record]] = {}
        self.batch = SMALL_BATCH
        self.slo_counters: tuple[SloCounter | AlikeCalls, ...] = ()
        self.hidden = False
        """Whether it was forgotten and has counted nothing since."""
        self.split = False
        """Whether calls that began here were counted in series with further labels."""
        self.histogram = DurationHistogram(grid or grid_of(DURATION_BOUNDARIES))
        self.zero()

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, ("series", self.component, self.operation, self.labels)

    def in_progress(self) -> tuple[int, float | None]:
        """Return how many calls are in progress and when the oldest began, on the steady clock."""
        running = self.running()
        return len(running), min(map(itemgetter(0), running), default=None)

    def running(self) -> list[Record]:
        """Return the records of the calls in progress."""
        # Another thread may move a call from the buffer to `in_hand` or put it back at any time, so
        # the buffer is read before `in_hand` and after it.
        records = list(self.records)
        for batch in list(self.in_hand.values()):
            records += batch
        records += self.records
        inside = {id(record): record for record in records if record[1] == IN_PROGRESS}
        return list(inside.values())

    def is_idle(self) -> bool:
        """Return whether nothing is buffered: no call is in progress or waits to be counted."""
        return not (self.records or self.in_hand or self.pending)

    def all_labels(self) -> dict[str, str]:
        """Return the labels of the series, including `component` and `operation`."""
        return {COMPONENT: self.component, OPERATION: self.operation, **dict(self.labels)}

    def zero(self) -> None:
        """Drop all counts and buffered records, in place, because callers hold the buffers."""
        self.records.clear()
        self.notes.clear()
        self.pending.clear()
        self.judged.clear()
        self.in_hand.clear()
        self.limit = self.batch
        self.histogram = DurationHistogram(self.histogram.grid)
        self.fresh: FreshCalls | None = None
        self.details = NO_DETAILS

    def use_grid(self, grid: BucketGrid) -> bool:
        """Use other buckets for durations, unless some are counted already.

        Returns:
            Whether the buckets are used.
        """
        if self.histogram.count or self.in_hand or self.pending:
            return False
        self.histogram = DurationHistogram(grid)
        return True

    def forget_counts(self) -> None:
        """Set every count to zero; calls in progress stay."""
        running = [record for record in self.records if record[1] == IN_PROGRESS]
        self.zero()
        self.records += running

    def merge_pending(self) -> CountedBatch:
        """Merge the batch that has been pending longest, wholly or not at all, and return it.

        If a signal handler raises, the batch stays pending. If vitalspan's own code raises, it is
        dropped, because the error would come again each time.
        """
        batch = self.pending[0]
        try:
            self._merge(batch)
            self._add_judged()
        except Exception:
            if self.pending and self.pending[0] is batch:
                del self.pending[0]
            raise
        return batch

    def _merge(self, batch: CountedBatch) -> None:
        buckets = batch.buckets
        histogram = self.histogram.plus(buckets, batch.total, batch.spread)
        fresh = self.fresh
        if fresh is not None:
            fresh_buckets = fresh.buckets.copy()
            for bucket, calls in buckets.items():
                fresh_buckets[bucket] = fresh_buckets.get(bucket, 0) + calls
            fresh = FreshCalls(fresh_buckets, fresh.spread.plus(batch.spread))
        judged = [counter.judge(batch.records) for counter in self.slo_counters]
        details = self.details
        if batch.noted:
            details = details.plus(batch.noted, histogram.grid)
        # Nothing is called from here on, so no signal handler can run between these statements.
        self.hidden = False
        self.histogram = histogram
        self.fresh = fresh
        self.judged += judged
        self.details = details
        del self.pending[0]

    def _add_judged(self) -> None:
        judged = self.judged
        while judged:
            counter, events, bad = judged[-1]
            counter.events += events
            counter.bad += bad
            del judged[-1]

    def take_fresh(self) -> FreshCalls:
        """Return the calls since the previous `take_fresh`; the first time, all of them.

        Before the first time, nothing is kept for this.
        """
        fresh, self.fresh = self.fresh, FreshCalls({}, NO_SPREAD)
        if fresh is None:
            return FreshCalls(dict(self.histogram.items()), self.histogram.spread)
        return fresh
