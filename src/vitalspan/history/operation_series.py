"""The past of one series of calls: its counters and durations, tick by tick."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import Final

from vitalspan.history.entry_buckets import EntryBuckets
from vitalspan.history.time_series import TimeSeries
from vitalspan.recording.buckets import BucketGrid
from vitalspan.recording.duration_histogram import NO_SPREAD
from vitalspan.recording.series import FreshCalls, Series

MEASURE_COLUMN: Final = "measure:"
"""The prefix of columns for measures."""

ERROR_COLUMN: Final = "error:"
"""The prefix of columns for the errors of one type."""


EntryCalls = tuple[int, float, float, float, float, "array[int]", "array[int]"]
"""The calls of one entry.

These are the number of calls, the sum of their durations in seconds, the sum of the squares of the
durations, which rounding may make negative, the shortest and the longest duration, the fine buckets
that are not empty, and the number of calls in each of these buckets. It is a plain tuple, because a
named one would take as long as reading what is in it.
"""


class OperationSeries(TimeSeries):
    """The counters of a series of calls, and the number of calls in each fine bucket.

    An entry has the non-empty buckets of the calls since the previous entry.

    Args:
        series: the series of the calls.
        base: the values of its counters before the first entry.
        since: the time from which on the calls were counted.

    Attributes:
        series: the same.
    """

    __slots__ = ("_buckets", "_longest", "_shortest", "series")

    def __init__(
        self,
        series: Series,
        base: Mapping[str, float] | None = None,
        since: float = float("-inf"),
    ) -> None:
        super().__init__(series.all_labels(), base, since)
        self.series = series
        self._buckets = EntryBuckets()
        self._shortest = array("d")
        self._longest = array("d")

    @property
    def grid(self) -> BucketGrid:
        """The fine buckets of the calls."""
        return self.series.histogram.grid

    def note(self, now: float, fresh: FreshCalls) -> None:
        """Record the state of the series at a tick.

        Args:
            now: the tick.
            fresh: the calls since the previous tick.
        """
        histogram, details = self.series.histogram, self.series.details
        values: dict[str, float] = {
            "count": histogram.count,
            "total": histogram.total,
            "squares": histogram.squares,
        }
        if details.errors:
            values["errors"] = sum(details.errors.values())
            for error_type, count in details.errors.items():
                values[ERROR_COLUMN + error_type] = count
        if details.cancellations:
            values["cancellations"] = details.cancellations
        if details.measured:
            values["cpu_seconds"] = details.cpu_seconds
            values["memory_growth"] = details.memory_growth
        for name, amount in details.measures.items():
            values[MEASURE_COLUMN + name] = amount
        self.append(now, values)
        self._buckets.append(fresh.buckets)
        _, shortest, longest = fresh.spread
        self._shortest.append(shortest)
        self._longest.append(longest)

    def begin_at_first_entry(self) -> None:
        """Treat the first entry as counted before it, at an unknown time."""
        super().begin_at_first_entry()
        if self.times:
            self._buckets.clear_first()
            self._shortest[0], self._longest[0] = NO_SPREAD.shortest, NO_SPREAD.longest

    def prepend_calls(
        self,
        buckets: Sequence[Mapping[int, int]],
        extremes: Sequence[tuple[float, float]],
    ) -> None:
        """Insert the buckets and extremes of entries before those of the first one.

        Args:
            buckets: the calls of each entry, by fine bucket.
            extremes: the shortest and the longest duration of each entry in seconds.
        """
        self._buckets.prepend(buckets)
        self._shortest = array("d", [least for least, _ in extremes]) + self._shortest
        self._longest = array("d", [greatest for _, greatest in extremes]) + self._longest

    def extremes(self, first: int, after: int) -> tuple[float, float]:
        """Return the shortest and the longest duration of some entries in seconds.

        Args:
            first: the first entry.
            after: the index after the last entry; there has to be at least one entry.
        """
        return min(self._shortest[first:after]), max(self._longest[first:after])

    def calls_of(self, entry: int) -> EntryCalls:
        """Return the calls of an entry."""
        columns = self.columns
        counts, totals, squares = columns["count"], columns["total"], columns["squares"]
        if entry:
            before = entry - 1
            count, total, square = counts[before], totals[before], squares[before]
        else:
            base = self.base
            count, total, square = (base.get(name, 0.0) for name in ("count", "total", "squares"))
        return (
            int(counts[entry] - count),
            totals[entry] - total,
            squares[entry] - square,
            self._shortest[entry],
            self._longest[entry],
            *self._buckets.of(entry),
        )

    def add_buckets(self, sums: dict[int, int], first: int, after: int, sign: int = 1) -> None:
        """Add the calls of some entries, by bucket, to sums, or subtract them.

        Args:
            sums: the calls by fine bucket.
            first: the first entry.
            after: the index after the last entry.
            sign: 1 or -1.
        """
        self._buckets.add_to(sums, first, after, sign)

    def _keep(self, kept: Sequence[int], first: int) -> None:
        self._buckets.keep(kept, first)
        begins = [first, *(entry + 1 for entry in kept)]
        extremes = [
            self.extremes(begin, entry + 1) for begin, entry in zip(begins, kept, strict=False)
        ]
        self._shortest = array("d", [shortest for shortest, _ in extremes])
        self._longest = array("d", [longest for _, longest in extremes])
        super()._keep(kept, first)
