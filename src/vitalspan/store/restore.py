"""Restores the history of an earlier process, before the counts of this one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from vitalspan.history.history import History
from vitalspan.history.operation_series import OperationSeries
from vitalspan.history.ticks import LONGEST, TIERS
from vitalspan.history.time_series import TimeSeries
from vitalspan.labels import Labels
from vitalspan.metrics import COMPONENT, OPERATION
from vitalspan.recording.buckets import BucketGrid
from vitalspan.recording.series import Series
from vitalspan.store.frame import PLAIN_GRID
from vitalspan.store.protocol import StoredSeries
from vitalspan.store.reader import SeriesFilter, StoreReader
from vitalspan.store.series_numbers import overflow_labels
from vitalspan.store.stored_sums import StoredSums
from vitalspan.store.tiers import Part

SeriesOf = Callable[[str, str, Labels], Series]
"""Returns the series for a component, an operation and declared labels."""

_FINE: Final = 900.0
"""Seconds of the past that are restored at the finest resolution."""

_MINUTES: Final = 6 * 3600.0
"""Seconds of the past that are restored at least to the minute."""

_Entries = dict[int, list[tuple[float, StoredSums]]]
"""The counts of each series with the ticks at which they end, by the number of the series."""


class HistoryRestorer:
    """Adds earlier counts from a store to a history.

    Args:
        reader: reads the store.
        history: the history to restore.
        series_of: finds or creates the series of operations.
    """

    def __init__(self, reader: StoreReader, history: History, series_of: SeriesOf) -> None:
        self._reader = reader
        self._history = history
        self._series_of = series_of
        self._written = self._began = 0.0

    def restore(self, now: float, epoch: float) -> None:
        """Restore the past that rules look back on; this process' counters still start at zero.

        Args:
            now: the current time on the steady clock.
            epoch: the difference between the time of day and the steady clock in seconds.

        Raises:
            StoreError: if the store cannot be read.
        """
        history = self._history
        written = self._reader.written() - epoch
        if not now - LONGEST < written <= now:
            return
        indexes = history.operations, history.caches, history.apis, history.models
        retention = max(index.retention for index in indexes)
        self._written, self._began = written, now
        entries = self._entries(now, epoch, retention, lambda one: one.kind != "slo")
        known = set(history.slo_counters)
        slos = self._entries(
            now, epoch, LONGEST, lambda one: one.kind == "slo" and one.labels.get("slo") in known
        )
        began = min(self._began, written)
        first_tick = history.ticks.times[0]
        for sums in [*sorted(entries.values(), key=_model_calls, reverse=True), *slos.values()]:
            self._put(sums[0][1].series, [one for one in sums if one[0] <= first_tick])
        for index in indexes:
            index.horizon = max(index.horizon, min(now - retention, first_tick))
        ticks = _ticks(max(began, now - LONGEST), written, now)
        history.ticks.put_before(tick for tick in ticks if tick < first_tick)

    def _entries(
        self, now: float, epoch: float, retention: float, includes: SeriesFilter
    ) -> _Entries:
        entries: _Entries = {}
        for part in self._parts(now + epoch, retention):
            for start, sums in self._reader.points(part.step, part.start, part.end, includes):
                # The last frame ends after its last count.
                self._began = min(self._began, start - epoch)
                end = min(start + part.step - epoch, self._written)
                for one in sums:
                    entries.setdefault(one.series.number, []).append((end, one))
        return entries

    def _parts(self, wall: float, retention: float) -> list[Part]:
        """Return the frames to read: coarse ones for the distant past."""
        ages = sorted({min(age, retention) for age in (_FINE, _MINUTES, LONGEST)})
        coarsest = (1, 60, 3600)
        parts: list[Part] = []
        end = wall
        for age, step in zip(ages, coarsest, strict=False):
            start = max(wall - age, 0.0)
            parts += self._reader.parts(start, end, wall, step)
            end = min([end, *(part.start for part in parts)])
        return sorted(parts, key=lambda part: part.start)

    def _put(self, series: StoredSeries, entries: Sequence[tuple[float, StoredSums]]) -> None:
        if not entries:
            return
        times = [time for time, _ in entries]
        track = self._track(series)
        if track is None or (track.times and track.times[0] <= times[-1]):
            return
        track.prepend(times, [dict(_grown(one)) for _, one in entries])
        track.since = min(track.since, times[0])
        if isinstance(track, OperationSeries):
            to_grid = _Buckets(track.grid)
            track.prepend_calls(
                [to_grid.of(one.buckets) for _, one in entries],
                [(one.shortest, one.longest) for _, one in entries],
            )

    def _track(self, series: StoredSeries) -> TimeSeries | None:
        """Return the time series for a stored one; None if there is no place for it."""
        if series.kind == "operation":
            return self._operation(series)
        history, labels = self._history, {**overflow_labels(series.kind), **series.labels}
        if series.kind == "model":
            key = labels[COMPONENT], labels["api"], labels["model"]
            return history.models.series_of(key, since=history.ticks.times[-1])
        indexes = {"cache": history.caches, "api": history.apis, "slo": history.slos}
        return history.time_series(indexes[series.kind], labels)

    def _operation(self, series: StoredSeries) -> OperationSeries:
        labels = {**series.labels}
        component, operation = labels.pop(COMPONENT, ""), labels.pop(OPERATION, "")
        found = self._series_of(component, operation, tuple(sorted(labels.items())))
        return self._history.operation_series(found)


class _Buckets:
    """Translates buckets of `PLAIN_GRID` to those of another grid."""

    def __init__(self, grid: BucketGrid) -> None:
        self._grid = grid
        self._known: dict[int, int] = {}

    def of(self, buckets: Mapping[int, int]) -> dict[int, int]:
        result: dict[int, int] = {}
        for bucket, calls in buckets.items():
            there = self._known.get(bucket)
            if there is None:
                there = self._known[bucket] = self._grid.bucket(PLAIN_GRID.middle(bucket))
            result[there] = result.get(there, 0) + calls
        return result


def _model_calls(entries: Sequence[tuple[float, StoredSums]]) -> float:
    """Return the number of calls to a model, so that the most called ones are restored; else 0."""
    return sum(
        one.extras.get("oks", 0) + one.extras.get("errors", 0)
        for _, one in entries
        if one.series.kind == "model"
    )


def _grown(sums: StoredSums) -> Iterator[tuple[str, float]]:
    yield from sums.extras.items()
    if sums.series.kind == "operation":
        yield "count", sums.count
        yield "total", sums.total
        yield "squares", sums.squares
        if sums.errors:
            yield "errors", sums.errors


def _ticks(began: float, written: float, now: float) -> Iterator[float]:
    """Yield ticks at which windows can begin, spaced according to their age."""
    tick = began
    while tick < written:
        yield tick
        age = now - tick
        tick += next((max(size, 5.0) for up_to, size in TIERS if age <= up_to), TIERS[-1][1])
    yield written
