"""Sums over calls, from which all statistics are computed."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import Any

from vitalspan.history.operation_series import ERROR_COLUMN, MEASURE_COLUMN, OperationSeries
from vitalspan.recording.buckets import BucketGrid
from vitalspan.recording.detail_counts import NO_DETAILS, DetailCounts, LastError
from vitalspan.recording.duration_histogram import NO_SPREAD, Spread
from vitalspan.recording.series import CountedBatch, Series
from vitalspan.statistics.call_statistics import CallStatistics, ErrorStatistics
from vitalspan.statistics.quantiles import bucket_durations, quantile_of
from vitalspan.store.frame import PLAIN_GRID, PlainBuckets
from vitalspan.store.stored_sums import StoredSums


class CallSums:
    """The sums of the calls of some series.

    Attributes:
        count: the number of calls.
        in_progress: the number of running calls.
        oldest: when the oldest of these began, on the steady clock; None if there is none.
    """

    def __init__(self) -> None:
        self.count = 0
        self.in_progress = 0
        self.oldest: float | None = None
        self._total = 0.0
        self._spread = NO_SPREAD
        self._buckets: dict[BucketGrid, dict[int, int]] = {}
        self._details = DetailCounts()

    @property
    def longest(self) -> float:
        """The longest duration in seconds; negative infinity without calls."""
        return self._spread.longest

    def add_series(self, series: Series) -> None:
        """Add all calls of a series since the start."""
        histogram = series.histogram
        self.count += histogram.count
        self._total += histogram.total
        self._spread = self._spread.plus(histogram.spread)
        add_amounts(self._buckets.setdefault(histogram.grid, {}), dict(histogram.items()))
        self._add_detail_counts(series.details)

    def _add_detail_counts(self, details: DetailCounts) -> None:
        own = self._details
        own.cancellations += details.cancellations
        own.measured = own.measured or details.measured
        own.cpu_seconds += details.cpu_seconds
        own.memory_growth += details.memory_growth
        add_amounts(own.errors, details.errors)
        add_amounts(own.measures, details.measures)
        for error_type, error in details.last_errors.items():
            own.note_error(error_type, error)

    def add_calls(self, grid: BucketGrid, calls: CountedBatch) -> None:
        """Add counted calls that are not added elsewhere.

        Args:
            grid: the buckets of their series.
            calls: the calls.
        """
        self.count += len(calls.records)
        self._total += calls.total
        self._spread = self._spread.plus(calls.spread)
        buckets = self._buckets.get(grid)
        if buckets is None:
            self._buckets[grid] = calls.buckets.copy()
        else:
            add_amounts(buckets, calls.buckets)
        if calls.noted:
            self._add_detail_counts(NO_DETAILS.plus(calls.noted, grid))

    def add(self, other: CallSums) -> None:
        """Add the ended calls of other sums."""
        self.count += other.count
        self._total += other._total
        self._spread = self._spread.plus(other._spread)
        for grid, buckets in other._buckets.items():
            add_amounts(self._buckets.setdefault(grid, {}), buckets)
        self._add_detail_counts(other._details)

    def copy(self) -> CallSums:
        """Return an independent copy of the sums of ended calls."""
        result = CallSums()
        result.add(self)
        return result

    def durations(self) -> list[tuple[float, int]]:
        """Return the middle of each fine bucket in seconds, ascending, and its calls."""
        return bucket_durations(self._buckets)

    def add_track(self, track: OperationSeries, start: float, end: float) -> None:
        """Add the calls of a series after one tick, up to and including another."""

        def increase(column: str) -> float:
            return track.increase(column, start) - track.increase(column, end)

        count = int(increase("count"))
        if count <= 0:
            return
        first, after = bisect_right(track.times, start), bisect_right(track.times, end)
        self.count += count
        self._total += increase("total")
        self._spread = self._spread.plus(
            Spread(max(0.0, increase("squares")), *track.extremes(first, after))
        )
        track.add_buckets(self._buckets.setdefault(track.grid, {}), first, after)
        grown = {name: increase(name) for name in track.columns}
        self._add_columns(grown)
        for error_type, error in track.series.details.last_errors.items():
            # An error from a later time says nothing about this period.
            if grown.get(ERROR_COLUMN + error_type, 0) > 0 and start < error.end <= end:
                self._details.note_error(error_type, error)

    def to_document(self) -> dict[str, Any]:
        """Return the sums in types that JSON has, with the names of `StoredSums`."""
        details, buckets = self._details, dict[int, int]()
        for grid, counts in self._buckets.items():
            plain = PlainBuckets(grid)
            for bucket, calls in counts.items():
                buckets[plain[bucket]] = buckets.get(plain[bucket], 0) + calls
        extras: dict[str, float] = {
            **{ERROR_COLUMN + name: count for name, count in details.errors.items()},
            **{MEASURE_COLUMN + name: amount for name, amount in details.measures.items()},
        }
        if details.cancellations:
            extras["cancellations"] = details.cancellations
        if details.measured:
            extras["cpu_seconds"] = details.cpu_seconds
            extras["memory_growth"] = details.memory_growth
        squares, shortest, longest = self._spread
        return {
            "count": self.count,
            "errors": sum(details.errors.values()),
            "total": self._total,
            "squares": squares,
            "shortest": shortest,
            "longest": longest,
            "buckets": sorted(buckets.items()),
            "extras": extras,
        }

    def add_stored(self, stored: StoredSums) -> None:
        """Add the calls of a stored series."""
        self.count += stored.count
        self._total += stored.total
        self._spread = self._spread.plus(Spread(stored.squares, stored.shortest, stored.longest))
        add_amounts(self._buckets.setdefault(PLAIN_GRID, {}), stored.buckets)
        self._add_columns(stored.extras)

    def add_in_progress(self, count: int, oldest: float | None) -> None:
        """Add running calls; `oldest` is when the oldest of them began, on the steady clock."""
        self.in_progress += count
        if count and oldest is not None:
            self.oldest = oldest if self.oldest is None else min(self.oldest, oldest)

    def quantile(self, q: float) -> float | None:
        """Return a quantile of the durations in seconds.

        It is the geometric middle of the fine bucket of the call at that rank, so within 4.4 % of
        its duration, and between the shortest and the longest call.
        """
        return quantile_of(self.durations(), q, self._spread.shortest, self._spread.longest)

    def statistics(
        self,
        component: str | None,
        operation: str | None,
        seconds: float,
        now: float,
        epoch: float,
    ) -> CallStatistics:
        """Return the statistics.

        Args:
            component: the component of the calls; None for all.
            operation: the operation of the calls; None for all.
            seconds: the length of the period in which they ended.
            now: the current time on the steady clock in seconds.
            epoch: the difference between the time of day and the steady clock in seconds.
        """
        count, details, spread = self.count, self._details, self._spread
        errors = sum(details.errors.values())
        judged = count - details.cancellations
        mean = self._total / count if count else None
        durations = self.durations()
        p50, p95, p99 = (
            quantile_of(durations, q, spread.shortest, spread.longest) for q in (0.5, 0.95, 0.99)
        )
        return CallStatistics(
            component=component,
            operation=operation,
            seconds=seconds,
            count=count,
            errors=errors,
            cancellations=details.cancellations,
            error_rate=min(1.0, errors / judged) if judged > 0 else None,
            throughput=count / seconds if seconds > 0 else None,
            total=self._total,
            mean=mean,
            min=spread.shortest if count else None,
            max=spread.longest if count else None,
            stddev=None if mean is None else _deviation(spread.squares / count, mean),
            p50=p50,
            p95=p95,
            p99=p99,
            cpu_seconds=details.cpu_seconds if details.measured else None,
            memory_growth=details.memory_growth if details.measured else None,
            measures=dict(details.measures),
            in_progress=self.in_progress,
            oldest_in_progress=None if self.oldest is None else max(0.0, now - self.oldest),
            errors_by_type=tuple(_errors(details, epoch)),
        )

    def _add_columns(self, grown: Mapping[str, float]) -> None:
        """Add other counts than calls and durations, by columns of the history or a store."""
        own = self._details
        own.cancellations += int(grown.get("cancellations", 0))
        if grown.get("cpu_seconds", 0) > 0 or grown.get("memory_growth", 0) > 0:
            own.measured = True
            own.cpu_seconds += grown.get("cpu_seconds", 0.0)
            own.memory_growth += int(grown.get("memory_growth", 0))
        for column, amount in grown.items():
            if amount > 0 and column.startswith(MEASURE_COLUMN):
                add_amounts(own.measures, {column.removeprefix(MEASURE_COLUMN): amount})
            elif amount > 0 and column.startswith(ERROR_COLUMN):
                add_amounts(own.errors, {column.removeprefix(ERROR_COLUMN): int(amount)})


def _deviation(mean_square: float, mean: float) -> float:
    # Rounding errors of the squares may exceed the difference.
    return math.sqrt(max(0.0, mean_square - mean * mean))


def _errors(details: DetailCounts, epoch: float) -> Iterable[ErrorStatistics]:
    for error_type, count in sorted(details.errors.items(), key=lambda item: (-item[1], item[0])):
        error: LastError | None = details.last_errors.get(error_type)
        if error is None:
            yield ErrorStatistics(error_type, count)
        else:
            end, message, trace_id = error
            yield ErrorStatistics(error_type, count, message, end + epoch, trace_id)


def add_amounts(sums: dict, amounts: Mapping) -> None:  # type: ignore[type-arg]
    """Add amounts to sums, by the same keys."""
    for key, amount in amounts.items():
        sums[key] = sums.get(key, 0) + amount
