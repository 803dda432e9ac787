"""The past of one model of an API: its amounts and its durations, tick by tick."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from vitalspan.history.entry_buckets import EntryBuckets
from vitalspan.history.time_series import TimeSeries
from vitalspan.recording.duration_histogram import DurationHistogram
from vitalspan.recording.model_amounts import (
    ModelAmounts,
    bucket_columns,
    buckets_in,
    histogram_of,
    seconds_column,
    without_buckets,
)

_CALLS: Final = ("oks", "errors")

_NONE: Final = histogram_of(0.0, {})


class ModelSeries(TimeSeries):
    """The amounts of a model, and the number of durations in each bucket.

    A column for each of a hundred buckets would take ten times as much memory, because most calls
    between two ticks are in few of them.

    Args:
        labels: the component, the API and the model.
        since: the time from which on the calls were counted.
    """

    __slots__ = ("_buckets", "_latest")

    def __init__(self, labels: Mapping[str, str], since: float = float("-inf")) -> None:
        super().__init__(labels, since=since)
        self._buckets: dict[str, EntryBuckets] = {}
        """The durations of each entry, by their name."""
        self._latest: Mapping[str, DurationHistogram] = {}
        """All durations up to the last entry, by their name."""

    def calls(self) -> float:
        """Return the number of calls so far, with those of an earlier process."""
        return sum(self.latest(name) - min(0.0, self.base.get(name, 0.0)) for name in _CALLS)

    def note(self, now: float, amounts: ModelAmounts) -> bool:
        """Record the amounts at a tick, unless there was no call since the last one.

        Args:
            now: the tick.
            amounts: the sums of all calls so far.

        Returns:
            Whether there was a call.
        """
        sums = amounts.sums
        if self.times and all(self.latest(name) == sums.get(name, 0) for name in _CALLS):
            return False
        durations = amounts.durations
        totals = {seconds_column(name): one.total for name, one in durations.items()}
        self._append_buckets(
            {name: one.since(self._latest.get(name, _NONE)) for name, one in durations.items()}
        )
        self._latest = durations
        self.append(now, {**sums, **totals})
        return True

    def _append_buckets(self, fresh: Mapping[str, Mapping[int, int]]) -> None:
        for name in fresh:
            if name not in self._buckets:
                self._buckets[name] = EntryBuckets(len(self.times))
        for name, entries in self._buckets.items():
            entries.append(fresh.get(name, {}))

    def begin_at_first_entry(self) -> None:
        """Treat the first entry as counted before it, at an unknown time."""
        super().begin_at_first_entry()
        for entries in self._buckets.values():
            entries.clear_first()

    def prepend(self, times: Sequence[float], grown: Sequence[Mapping[str, float]]) -> None:
        """Insert entries before the first one, such as those of an earlier process.

        Args:
            times: their ticks, in order, all before the first entry.
            grown: the increases of the amounts in each entry, by column.
        """
        found = [buckets_in(amounts) for amounts in grown]
        for name in dict.fromkeys(name for one in found for name in one):
            self._buckets.setdefault(name, EntryBuckets(len(self.times)))
        for name, entries in self._buckets.items():
            entries.prepend([one.get(name, {}) for one in found])
        super().prepend(times, [without_buckets(amounts) for amounts in grown])

    def amounts(self, start: float, end: float) -> ModelAmounts:
        """Return the amounts after one tick, up to and including another."""
        first, after = bisect_right(self.times, start), bisect_right(self.times, end)
        sums = {
            name: self.increase(name, start) - self.increase(name, end) for name in self.columns
        }
        durations = {
            name: histogram_of(sums.pop(seconds_column(name), 0.0), buckets)
            for name, buckets in self._buckets_of(first, after)
        }
        return ModelAmounts(sums, durations)

    def increases_in(self, entry: int) -> Iterator[tuple[str, float]]:
        """Yield the increase of each column in an entry."""
        yield from super().increases_in(entry)
        for name, buckets in self._buckets_of(entry, entry + 1):
            yield from bucket_columns(name, buckets.items())

    def _buckets_of(self, first: int, after: int) -> Iterator[tuple[str, dict[int, int]]]:
        """Yield the durations of some entries by bucket, with their names."""
        for name, entries in self._buckets.items():
            sums: dict[int, int] = {}
            entries.add_to(sums, first, after)
            yield name, sums

    def _keep(self, kept: Sequence[int], first: int) -> None:
        for entries in self._buckets.values():
            entries.keep(kept, first)
        super()._keep(kept, first)
