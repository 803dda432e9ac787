"""The counts of a history since it was stored last, as frames of the finest tier."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from typing import Final, NamedTuple

from vitalspan.history.history import History
from vitalspan.history.operation_series import OperationSeries
from vitalspan.history.time_series import TimeSeries
from vitalspan.recording.buckets import BucketGrid
from vitalspan.store.frame import GROUP, Frame, PlainBuckets, sketch_key
from vitalspan.store.series_numbers import SeriesNumbers

CALL_COLUMNS: Final = ("count", "total", "squares", "errors")
"""The columns of an operation that frames have columns for."""

_OF_EVERY_CALL: Final = 3
"""Those that every operation has."""

_SLACK: Final = 1e-3

_MOST_TICKS: Final = 60
"""Ticks that are collected at once; after a time without the store there are more."""

Slots = dict[int, dict[int, Frame]]
"""Frames by when they begin and by group."""


class Collected(NamedTuple):
    """Frames that were collected.

    Attributes:
        slots: the frames.
        until: the tick up to which they go, on the steady clock.
    """

    slots: Slots
    until: float


class Collector:
    """Collects what the series of a history have counted between two ticks.

    The history itself is what waits while a store cannot be written, so nothing is kept twice.

    Args:
        history: whose series.
        numbers: of the series in the store.
        step: the length of the finest frames in seconds.
    """

    def __init__(self, history: History, numbers: SeriesNumbers, step: int) -> None:
        self._history = history
        self._numbers = numbers
        self._step = step
        self._plain: dict[BucketGrid, PlainBuckets] = {}
        self._places: dict[TimeSeries, tuple[int, int]] = {}
        self._removals: list[int] = []

    def collect(self, since: float, epoch: float, earliest: int, latest: int) -> Collected:
        """Return the frames of what was counted after a tick.

        Args:
            since: the tick, on the steady clock.
            epoch: the difference between the time of day and the steady clock in seconds.
            earliest: when the first frame may begin, in seconds since the Unix epoch.
            latest: when the last one may.
        """
        times = self._history.ticks.times
        first = bisect_right(times, since)
        until = times[min(len(times), first + _MOST_TICKS) - 1] if first < len(times) else since
        slots: Slots = {}
        for kind, series in self._series():
            # Most series have one new entry, or none.
            if series.times and series.times[-1] > since:
                self._add(slots, kind, series, (since, until), (epoch, earliest, latest))
        return Collected(slots, until)

    def _series(self) -> Iterator[tuple[str, TimeSeries]]:
        history = self._history
        every = (history.operations, history.caches, history.apis, history.slos)
        removals = [index.removals for index in every]
        if removals != self._removals:
            self._removals = removals
            self._places.clear()
        yield from (("operation", series) for series in history.operations.all)
        for kind, index in (("cache", history.caches), ("api", history.apis)):
            yield from ((kind, series) for series in index.all)
        yield from (("slo", series) for series in history.slos.all)

    def _place(self, kind: str, series: TimeSeries) -> tuple[int, int]:
        """Return the group of a series, and its place in the group."""
        place = self._places.get(series)
        if place is None:
            place = divmod(self._numbers.number(kind, series.labels), GROUP)
            self._places[series] = place
        return place

    def _add(
        self,
        slots: Slots,
        kind: str,
        series: TimeSeries,
        ticks: tuple[float, float],
        clock: tuple[float, int, int],
    ) -> None:
        times = series.times
        first, after = _between(times, *ticks)
        if first >= after:
            return
        group, place = self._place(kind, series)
        epoch, earliest, latest = clock
        step = self._step
        for entry in range(first, after):
            slot = slot_of(times[entry] + epoch, step)
            slot = min(max(slot, earliest), latest)
            groups = slots.get(slot)
            if groups is None:
                groups = slots[slot] = {}
            frame = groups.get(group)
            if frame is None:
                frame = groups[group] = Frame()
            if isinstance(series, OperationSeries):
                self._add_calls(frame, place, series, entry)
            else:
                _add_extras(frame, place, series, entry, ())

    def _add_calls(self, frame: Frame, place: int, series: OperationSeries, entry: int) -> None:
        count, total, squares = _grown_calls(series, entry)
        if count <= 0:
            return
        frame.counts[place] += int(count)
        frame.totals[place] += total
        frame.squares[place] += max(0.0, squares)
        shortest, longest = series.extremes_of(entry)
        frame.shortest[place] = min(frame.shortest[place], shortest)
        frame.longest[place] = max(frame.longest[place], longest)
        self._add_buckets(frame.sketch, place, series, entry)
        if len(series.columns) > _OF_EVERY_CALL:
            if "errors" in series.columns:
                frame.errors[place] += int(_grown(series, "errors", entry))
            _add_extras(frame, place, series, entry, CALL_COLUMNS)

    def _add_buckets(
        self, sketch: dict[int, int], place: int, series: OperationSeries, entry: int
    ) -> None:
        grid = series.grid
        plain = self._plain.get(grid)
        if plain is None:
            plain = self._plain[grid] = PlainBuckets(grid)
        base, get = sketch_key(place, 0), sketch.get
        for bucket, calls in series.buckets_of(entry):
            key = base + plain[bucket]
            sketch[key] = get(key, 0) + calls


def slot_of(tick: float, step: int) -> int:
    """Return when the frame begins that has what a tick has noted.

    Args:
        tick: in seconds since the Unix epoch.
        step: the length of the frame.
    """
    # What is noted at the very end of a frame was counted within it. Clocks are not that exact.
    return math.ceil((tick - _SLACK) / step - 1) * step


def _between(times: array[float], since: float, until: float) -> tuple[int, int]:
    """Return the first entry after a tick, and the one after the last up to another."""
    size = len(times)
    if times[-1] <= until and (size == 1 or times[-2] <= since):
        return size - 1, size
    return bisect_right(times, since), bisect_right(times, until)


def _grown_calls(series: TimeSeries, entry: int) -> tuple[float, float, float]:
    columns = series.columns
    counts, totals, squares = columns["count"], columns["total"], columns["squares"]
    if entry:
        before = entry - 1
        return (
            counts[entry] - counts[before],
            totals[entry] - totals[before],
            squares[entry] - squares[before],
        )
    base = series.base
    return (
        counts[0] - base.get("count", 0.0),
        totals[0] - base.get("total", 0.0),
        squares[0] - base.get("squares", 0.0),
    )


def _grown(series: TimeSeries, column: str, entry: int) -> float:
    values = series.columns[column]
    return values[entry] - (values[entry - 1] if entry else series.base.get(column, 0.0))


def _add_extras(
    frame: Frame, place: int, series: TimeSeries, entry: int, left_out: tuple[str, ...]
) -> None:
    for column in series.columns:
        if column not in left_out:
            grown = _grown(series, column, entry)
            if grown:
                key = (place, column)
                frame.extras[key] = frame.extras.get(key, 0.0) + grown
