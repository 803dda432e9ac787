"""The past of one series of calls: its counters and durations, tick by tick."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Mapping, Sequence
from typing import Final

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

    __slots__ = ("_calls", "_ends", "_indexes", "_longest", "_shortest", "series")

    def __init__(
        self,
        series: Series,
        base: Mapping[str, float] | None = None,
        since: float = float("-inf"),
    ) -> None:
        super().__init__(series.all_labels(), base, since)
        self.series = series
        self._ends = array("I")
        self._indexes = array("H")
        self._calls: array[int] = array("H")
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
        self._indexes.extend(fresh.buckets.keys())
        self._calls = _extend(self._calls, fresh.buckets.values())
        self._ends.append(len(self._indexes))
        _, shortest, longest = fresh.spread
        self._shortest.append(shortest)
        self._longest.append(longest)

    def begin_at_first_entry(self) -> None:
        """Treat the first entry as counted before it, at an unknown time."""
        super().begin_at_first_entry()
        if self._ends:
            calls = self._ends[0]
            del self._indexes[:calls], self._calls[:calls]
            self._ends = array("I", [end - calls for end in self._ends])
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
        indexes, ends = array("H"), array("I")
        calls: array[int] = array("H")
        for one in buckets:
            indexes.extend(one.keys())
            calls = _extend(calls, one.values())
            ends.append(len(indexes))
        shift = len(indexes)
        self._indexes = indexes + self._indexes
        self._calls = _extend(calls, self._calls)
        self._ends = ends + array("I", [end + shift for end in self._ends])
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
        end = self._ends[entry]
        if entry:
            before = entry - 1
            begin = self._ends[before]
            count, total, square = counts[before], totals[before], squares[before]
        else:
            base, begin = self.base, 0
            count, total, square = (base.get(name, 0.0) for name in ("count", "total", "squares"))
        return (
            int(counts[entry] - count),
            totals[entry] - total,
            squares[entry] - square,
            self._shortest[entry],
            self._longest[entry],
            self._indexes[begin:end],
            self._calls[begin:end],
        )

    def add_buckets(self, sums: dict[int, int], first: int, after: int, sign: int = 1) -> None:
        """Add the calls of some entries, by bucket, to sums, or subtract them.

        Args:
            sums: the calls by fine bucket.
            first: the first entry.
            after: the index after the last entry.
            sign: 1 or -1.
        """
        if first >= after:
            return
        ends = self._ends
        begin, end = (ends[first - 1] if first else 0), ends[after - 1]
        for bucket, calls in zip(self._indexes[begin:end], self._calls[begin:end], strict=True):
            sums[bucket] = sums.get(bucket, 0) + sign * calls

    def _keep(self, kept: Sequence[int], first: int) -> None:
        indexes, ends = array("H"), array("I")
        calls: array[int] = array("H")
        shortest, longest = array("d"), array("d")
        merged_from = first
        done = self._ends[first - 1] if first else 0
        for entry in kept:
            end = self._ends[entry]
            merged: dict[int, int] = {}
            for bucket, count in zip(self._indexes[done:end], self._calls[done:end], strict=True):
                merged[bucket] = merged.get(bucket, 0) + count
            indexes.extend(merged.keys())
            calls = _extend(calls, merged.values())
            ends.append(len(indexes))
            done = end
            least, greatest = self.extremes(merged_from, entry + 1)
            shortest.append(least)
            longest.append(greatest)
            merged_from = entry + 1
        self._shortest, self._longest = shortest, longest
        self._indexes, self._calls, self._ends = indexes, calls, ends
        super()._keep(kept, first)


def _extend(calls: array[int], more: Collection[int]) -> array[int]:
    """Append counts, to an array of a wider type if they are too large for this one."""
    size = len(calls)
    try:
        calls.extend(more)
    except OverflowError:
        del calls[size:]
        return _extend(array("I" if calls.typecode == "H" else "Q", calls), more)
    return calls
