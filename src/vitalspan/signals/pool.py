"""The series of a signal, over a window of their history."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import chain

from vitalspan.history.history import History
from vitalspan.history.operation_series import OperationSeries
from vitalspan.history.registry_metrics import VALUE
from vitalspan.history.time_series import TimeSeries
from vitalspan.metrics import COMPONENT, OPERATION
from vitalspan.recording.buckets import BucketGrid

_Sums = dict[BucketGrid, dict[int, int]]
"""The number of calls by fine bucket, for each grid."""


class SeriesPool:
    """Several series combined, with a window that moves from tick to tick.

    Signals compute their values of it, or of several of them as a `PooledWindow`.

    Args:
        history: the history.
    """

    def __init__(self, history: History) -> None:
        self._history = history
        self._start = self._now = history.ticks.times[-1]
        self._window = 0.0
        self.tracks: list[TimeSeries] = []
        self.counters: dict[str, list[TimeSeries]] = {}
        self.present: dict[str, list[float]] = {}
        self._increases: dict[str, float] = {}
        self._sums: _Sums = {}
        self._places: list[_BucketCursor] = []
        self._operations: dict[tuple[str, str], SeriesPool] = {}
        self._divided = 0

    def move(self, start: float, now: float, window: float) -> None:
        """Move the window, which ends now and begins at a tick.

        Args:
            start: the last tick that is not within the window, or the first one of all.
            now: the tick at the end.
            window: the intended length in seconds.
        """
        if start != self._start or now != self._now:
            self._increases.clear()
        self._start, self._now, self._window = start, now, window

    def is_empty(self) -> bool:
        """Return whether there are no series."""
        return not (self.tracks or self.present or self.counters)

    @property
    def seconds(self) -> float:
        """The seconds that what was counted is divided by for a rate; 0 before the first tick.

        These are those of the window, as in Prometheus, even where the history is shorter. They are
        more where the window begins at an older tick.
        """
        between = self._now - self._start
        return max(between, self._window) if between else 0.0

    @property
    def series(self) -> int:
        """The number of series."""
        return len(self.tracks)

    def covered(self) -> float:
        """Return the seconds of the window since the first series began."""
        every = chain(self.tracks, *self.counters.values())
        since = min((track.since for track in every), default=self._now)
        return self._now - max(self._start, since)

    def increase(self, column: str) -> float:
        """Return the increase of a counter over all series."""
        increase = self._increases.get(column)
        if increase is None:
            increase = TimeSeries.total_increase(self.tracks, column, self._start)
            self._increases[column] = increase
        return increase

    def durations(self) -> list[tuple[float, int]]:
        """The calls by duration, ascending: the middle of each bucket in seconds, and its calls."""
        if not self._places or not self._follow():
            self._sums = {}
            self._places = [
                _BucketCursor(track) for track in self.tracks if isinstance(track, OperationSeries)
            ]
            self._follow()
        durations = [
            (grid.middle(bucket), calls)
            for grid, sums in self._sums.items()
            for bucket, calls in sums.items()
            if calls
        ]
        durations.sort()
        return durations

    def in_progress(self) -> tuple[int, float]:
        """Return how many calls are in progress, and the age of the oldest in seconds."""
        inside, oldest = 0, self._now
        for track in self.tracks:
            series = track.series if isinstance(track, OperationSeries) else None
            if series is not None:
                count, began = self._history.counts.in_progress(series)
                inside += count
                oldest = oldest if began is None else min(oldest, began)
        return inside, self._now - oldest

    def gauges(self, metric: str) -> list[float]:
        """Return the current values of a registry metric's matching series."""
        return self.present.get(metric, [])

    def growth(self, metric: str, label: str = "", value: str = "") -> float | None:
        """Return the increase of a counter of the registry; None before it was seen twice.

        Args:
            metric: its name.
            label: counts only the series that have this label
            value: with this value.
        """
        tracks = [
            track
            for track in self.counters.get(metric, [])
            if not label or track.labels.get(label) == value
        ]
        if not any(track.times[0] < self._now for track in tracks):
            return None
        return sum(track.increase(VALUE, self._start) for track in tracks)

    def by_operation(self) -> list[SeriesPool]:
        """Return the same window for each operation of each component."""
        for track in self.tracks[self._divided :]:
            key = (track.labels.get(COMPONENT, ""), track.labels.get(OPERATION, ""))
            operation = self._operations.get(key)
            if operation is None:
                operation = self._operations[key] = SeriesPool(self._history)
            operation.tracks.append(track)
            operation._increases.clear()
        self._divided = len(self.tracks)
        operations = list(self._operations.values())
        for operation in operations:
            operation.move(self._start, self._now, self._window)
        return operations

    def objective(self) -> float:
        """The objective of the SLO in the query."""
        return self._history.slo_counters[self.tracks[0].labels["slo"]].objective

    def _follow(self) -> bool:
        """Move the sums to the current window; False if that is not possible."""
        if len(self._places) != len(self.tracks):
            return False
        sums, start, now, history = self._sums, self._start, self._now, self._history
        return all(place.move(sums, start, now, history) for place in self._places)


class PooledWindow:
    """The series of several pools combined, all over the same window.

    Args:
        pools: the pools.
    """

    def __init__(self, pools: Iterable[SeriesPool]) -> None:
        self._pools = list(pools)

    @property
    def seconds(self) -> float:
        """The seconds by which counts are divided for a rate; 0 before the first tick."""
        return self._pools[0].seconds if self._pools else 0.0

    @property
    def series(self) -> int:
        """The number of series."""
        return sum(pool.series for pool in self._pools)

    def covered(self) -> float:
        """Return the seconds of the window since the first series began."""
        return max((pool.covered() for pool in self._pools), default=0.0)

    def increase(self, column: str) -> float:
        """Return the increase of a counter over all series."""
        return sum(pool.increase(column) for pool in self._pools)

    def durations(self) -> list[tuple[float, int]]:
        """The calls by duration, ascending: the middle of each bucket in seconds, and its calls."""
        return sorted(chain.from_iterable(pool.durations() for pool in self._pools))

    def in_progress(self) -> tuple[int, float]:
        """Return how many calls are in progress, and the age of the oldest in seconds."""
        every = [pool.in_progress() for pool in self._pools]
        return sum(inside for inside, _ in every), max((age for _, age in every), default=0.0)

    def gauges(self, metric: str) -> list[float]:
        """The current values of a registry's or monitor's metric, of all matching series."""
        return [value for pool in self._pools for value in pool.gauges(metric)]

    def growth(self, metric: str, label: str = "", value: str = "") -> float | None:
        """Return the increase of a registry counter; None before it was read twice."""
        every = [pool.growth(metric, label, value) for pool in self._pools]
        increases = [increase for increase in every if increase is not None]
        return sum(increases) if increases else None

    def by_operation(self) -> list[SeriesPool]:
        """Return the same window for each operation of each component."""
        return [operation for pool in self._pools for operation in pool.by_operation()]

    def objective(self) -> float:
        """The objective of the SLO in the query."""
        return self._pools[0].objective()


class _BucketCursor:
    """The entries of one series that are in the sums."""

    __slots__ = ("_after", "_first", "_seen", "_start", "_track", "_version")

    def __init__(self, track: OperationSeries) -> None:
        self._track = track
        self._version = track.version
        self._first = self._after = 0
        self._start = self._seen = float("-inf")

    def move(self, sums: _Sums, start: float, now: float, history: History) -> bool:
        track = self._track
        if start < self._start:
            # Ticks were dropped in the meantime, so that what was subtracted is missing now.
            return False
        if self._version != track.version:
            # Entries are merged up to ticks that are kept, so the sums stay right as long as both
            # ends of the window are among them.
            ends_kept = history.ticks.has(self._start) and history.ticks.has(self._seen)
            if self._start < track.horizon or not ends_kept:
                return False
            self._first = bisect_right(track.times, self._start)
            self._after = bisect_right(track.times, self._seen)
            self._version = track.version
        times = track.times
        size = len(times)
        if self._after < size:
            track.add_buckets(sums.setdefault(track.grid, {}), self._after, size)
            self._after = size
        first = self._first
        if first < size and times[first] <= start:
            first = bisect_right(times, start, first)
            track.add_buckets(sums[track.grid], self._first, first, -1)
            self._first = first
        self._start, self._seen = start, now
        return True
