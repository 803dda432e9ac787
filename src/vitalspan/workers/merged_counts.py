"""The sums of all processes of a service, for exposition and history."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from vitalspan.recording.buckets import BucketGrid
from vitalspan.recording.counts import (
    ApiCounts,
    CacheCounts,
    InternalCounts,
    ModelCounts,
    ProcessCounts,
    SloCounts,
)
from vitalspan.recording.detail_counts import NO_DETAILS, DetailCounts
from vitalspan.recording.duration_histogram import DurationHistogram, Spread
from vitalspan.recording.series import FreshCalls, Series
from vitalspan.recording.slo_counter import SloCounter
from vitalspan.workers.directory import WorkersDirectory
from vitalspan.workers.directory_state import DirectoryState
from vitalspan.workers.encoded_series import EncodedSeries
from vitalspan.workers.merged_series import SeriesSums, Source
from vitalspan.workers.payload import Payload, encode_all
from vitalspan.workers.publisher import Publisher
from vitalspan.workers.series_keys import decode_key
from vitalspan.workers.state_file import UnreadableError
from vitalspan.workers.worker_counts import PROFILES, SeriesCounts, WorkerCounts


class MergedCounts:
    """The sum of the counts that all processes have published, including this one.

    Args:
        process: the counts of this process.
        publisher: publishes them.
        directory: the directory where the others publish.

    Attributes:
        state: the latest state that was read.
        counts: the sum of its counts.
    """

    def __init__(
        self, process: ProcessCounts, publisher: Publisher, directory: WorkersDirectory
    ) -> None:
        self._process = process
        self._publisher = publisher
        self._directory = directory
        self.now: Callable[[], float] = process.now
        self.epoch: Callable[[], float] = process.epoch
        self.note_collector_error = process.note_collector_error
        self.reset()

    def reset(self) -> None:
        """Drop everything that was read, in a forked child."""
        self._lock = threading.RLock()
        self._series: dict[bytes, Series] = {}
        self._in_progress: dict[Series, tuple[int, float]] = {}
        self._sums = self._new_sums()
        self.counts = WorkerCounts()
        self._changed: set[bytes] = set()
        self._replays = False
        self.state = DirectoryState([], None)

    @property
    def born(self) -> float:
        """When this process started to count, on the steady clock."""
        return self._process.born

    @contextmanager
    def flushed(self) -> Iterator[list[Series]]:
        """Publish, read what all have published, and keep it unchanged during the block."""
        with self._lock:
            yield list(self._series.values()) if self._replays else self._refresh()

    def all_series(self) -> list[Series]:
        """Publish, read what all processes have published, and return all series."""
        with self._lock:
            return self._refresh()

    def in_progress(self, series: Series) -> tuple[int, float | None]:
        """Return how many calls are in progress and when the oldest began, on the steady clock."""
        return self._in_progress.get(series, (0, None))

    def caches(self) -> list[CacheCounts]:
        """Return the counts of all caches from the last reading."""
        return [CacheCounts(*key, *values) for key, values in self.counts.caches.items()]

    def apis(self) -> list[ApiCounts]:
        """Return the counts of all APIs from the last reading."""
        return [ApiCounts(*key, *values) for key, values in self.counts.apis.items()]

    def models(self) -> list[ModelCounts]:
        """Return the counts of all models from the last reading."""
        return [ModelCounts(*key, amounts) for key, amounts in self.counts.models.items()]

    def slos(self, counters: Mapping[str, SloCounter]) -> list[SloCounts]:
        """Return the counts of SLOs from the last reading.

        Args:
            counters: the counters of this process; events of other definitions are ignored.
        """
        counts = self.counts.slos
        found = {
            (name, labels): SloCounts(name, dict(labels), int(events), int(bad))
            for (name, definition, labels), (events, bad) in counts.items()
            if name in counters and counters[name].definition == definition
        }
        # An SLO without events is shown from the start.
        for slo in self._process.slos(counters):
            found.setdefault((slo.name, tuple(slo.labels.items())), slo)
        return list(found.values())

    def count_slos(self, counters: Mapping[str, SloCounter]) -> None:
        """Let SLO counters, by name, judge the calls of this process."""
        self._publisher.slo_counters = counters
        self._process.count_slos(counters)

    def changed_series(
        self, *, everything: bool
    ) -> tuple[list[EncodedSeries], list[tuple[float, ...]]]:
        """Return the series that have changed since the previous call, for the journal.

        Args:
            everything: whether all series are returned.

        Returns:
            The series, and their bucket boundaries.
        """
        with self._lock:
            keys, self._changed = self._changed, set()
            wanted = [key for key in self.counts.series if everything or key in keys]
            return encode_all(self.counts, wanted, self.epoch())

    def like_this(self) -> MergedCounts:
        """Return another view of the same processes, which has read nothing yet."""
        return MergedCounts(self._process, self._publisher, self._directory)

    def forget_series(self) -> None:
        """Drop all series, so that the next reading reports all of them as changed."""
        with self._lock:
            self._series = {}
            self._in_progress = {}
            self._changed = set()
            self._sums = self._new_sums()

    @contextmanager
    def replaying(self, payload: Payload) -> Iterator[None]:
        """Show the counts of an earlier tick.

        Args:
            payload: an entry of the journal, with the series that had changed.

        Raises:
            UnreadableError: for content that this version cannot read.
        """
        counts = WorkerCounts()
        payload.add_head(counts)
        sums = self._new_sums()
        sums.update([Source(payload.columns, living=False)])
        counts.series = sums.series
        with self._lock:
            self.counts = counts
            for key, one in counts.series.items():
                self._series[key] = self._updated(key, self._series.get(key), one)
            # The counts that are shown now differ from the sums.
            self._sums = self._new_sums()
            self._replays = True
            try:
                yield
            finally:
                self._replays = False

    def internal(self) -> InternalCounts:
        """Return the counts that vitalspan keeps about itself in all processes."""
        counts = self.counts
        # All places are shown from the start, so that the first error is an increase.
        errors = dict.fromkeys(self._process.internal().internal_errors, 0) | counts.internal_errors
        return InternalCounts(
            errors,
            counts.collector_errors,
            len(self._series),
            int(counts.totals.get("overflows", 0)),
            int(counts.totals.get("flushes", 0)),
            counts.totals.get("flush_seconds", 0.0),
            {
                name.removeprefix(PROFILES): int(calls)
                for name, calls in counts.totals.items()
                if name.startswith(PROFILES)
            },
        )

    def _refresh(self) -> list[Series]:
        self._publisher.publish()
        self.state = self._directory.read()
        counts = self.state.sum_of_heads()
        sources = self.state.sources()
        own = self._publisher.unpublished()
        if own is not None:
            # The directory cannot be written to, so at least this process is shown.
            own.add_head(counts)
            sources.append(Source(own.columns, living=True))
        sums = self._sums
        for key in sums.update(sources):
            self._replace(key, sums.series.get(key))
        self._in_progress = {
            self._series[key]: running
            for key, running in sums.in_progress.items()
            if key in self._series
        }
        counts.series = {key: sums.series[key] for key in self._series}
        self.counts = counts
        return list(self._series.values())

    def _replace(self, key: bytes, counts: SeriesCounts | None) -> None:
        if counts is None:
            self._series.pop(key, None)
            return
        with self._directory.reporting(self._directory.path):
            self._series[key] = self._updated(key, self._series.get(key), counts)

    def _new_sums(self) -> SeriesSums:
        return SeriesSums(self.epoch, self._report)

    def _report(self, reason: str) -> None:
        with self._directory.reporting(self._directory.path):
            raise UnreadableError(reason)

    def _updated(self, key: bytes, series: Series | None, counts: SeriesCounts) -> Series:
        histogram = counts.histogram()
        if series is None or series.histogram.count != histogram.count:
            self._changed.add(key)
        if series is None or series.histogram.grid is not histogram.grid:
            series = Series(*decode_key(key), histogram.grid)
        if series.fresh is not None and series.histogram.count != histogram.count:
            series.fresh = _fresher(series.fresh, series.histogram, histogram)
        series.details = _details(counts.details, histogram.grid)
        series.split = counts.split
        series.created = counts.created or None
        series.histogram = histogram
        return series


def _fresher(fresh: FreshCalls, before: DurationHistogram, after: DurationHistogram) -> FreshCalls:
    """Return the fresh calls, including those between two readings of all processes.

    Unless the shortest or longest call is that of the whole series, only its bucket is known.
    """
    counted, buckets, grid = dict(before.items()), fresh.buckets.copy(), after.grid
    places = []
    for bucket, count in after.items():
        more = count - counted.get(bucket, 0)
        if more > 0:
            buckets[bucket] = buckets.get(bucket, 0) + more
            places.append(bucket)
    spread = fresh.spread
    if places:
        shortest, longest = grid.middle(places[0]), grid.middle(places[-1])
        if after.spread.shortest < before.spread.shortest:
            shortest = after.spread.shortest
        if after.spread.longest > before.spread.longest:
            longest = after.spread.longest
        more_squares = after.spread.squares - before.spread.squares
        spread = spread.plus(
            Spread(
                more_squares,
                max(shortest, after.spread.shortest),
                min(longest, after.spread.longest),
            )
        )
    return FreshCalls(buckets, spread)


def _details(details: DetailCounts | None, grid: BucketGrid) -> DetailCounts:
    if details is None:
        return NO_DETAILS
    if details.exemplars:
        # Processes may have counted in other buckets.
        ordered = sorted(details.exemplars.values(), key=lambda exemplar: exemplar[2])
        details.exemplars = {grid.exported_bucket(one[1]): one for one in ordered}
    return details
