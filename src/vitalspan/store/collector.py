"""Collects what a history has counted since it was stored last, as frames of the finest tier."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from vitalspan.history.history import History
from vitalspan.history.operation_series import OperationSeries
from vitalspan.history.time_series import TimeSeries
from vitalspan.recording.buckets import BucketGrid
from vitalspan.store.frame import GROUP, Frame, PlainBuckets, bucket_key
from vitalspan.store.recent_intervals import Histograms, Slots
from vitalspan.store.series_numbers import SeriesNumbers

CALL_COLUMNS: Final = ("count", "total", "squares", "errors")
"""The columns of an operation that have their own columns in frames."""

_OF_EVERY_CALL: Final = 3
"""The number of columns that every operation has."""

_SLACK: Final = 1e-3

_MOST_TICKS: Final = 60
"""The number of ticks to collect at once; after a time without the store there are more."""


class Collected(NamedTuple):
    """Frames that were collected.

    Attributes:
        slots: the frames.
        until: the last tick in them, on the steady clock.
        histograms: the histograms of the operations at that tick, by the end of its interval; empty
            unless it is probably the last tick of the interval.
    """

    slots: Slots
    until: float
    histograms: dict[int, Histograms]


class Collector:
    """Collects what the series of a history have counted between two ticks.

    The history itself keeps the data while a store cannot be written, so nothing is kept twice.

    Args:
        history: the history with the series.
        numbers: the numbers of the series in the store.
        step: the length of the finest frames in seconds.
        interval: the length of the next finer ones, or the same.
    """

    def __init__(self, history: History, numbers: SeriesNumbers, step: int, interval: int) -> None:
        self._history = history
        self._numbers = numbers
        self._step = step
        self._interval = interval
        self._plain: dict[tuple[BucketGrid, int], PlainBuckets] = {}
        self._places: dict[TimeSeries, tuple[int, int]] = {}
        self._operations: dict[int, list[tuple[int, OperationSeries]]] = {}
        self._removals: list[int] = []

    def collect(self, since: float, epoch: float, earliest: int, latest: int) -> Collected:
        """Return frames with the counts after a tick.

        Args:
            since: the tick, on the steady clock.
            epoch: the difference between the time of day and the steady clock in seconds.
            earliest: the earliest start of a frame, in seconds since the Unix epoch.
            latest: the latest start of a frame, in seconds since the Unix epoch.
        """
        times = self._history.ticks.times
        first = bisect_right(times, since)
        until = times[min(len(times), first + _MOST_TICKS) - 1] if first < len(times) else since
        frames = _Frames(epoch, self._step, earliest, latest)
        self._forget_removed()
        places = self._places
        for operation in self._history.operations.all:
            times = operation.times
            # Most series have one new entry, or none.
            if times and times[-1] > since:
                group, place = places.get(operation) or self._new_operation(operation)
                for entry in _between(times, since, until):
                    self._add_calls(frames.at(times[entry], group), place, operation, entry)
        for kind, series in self._other_series():
            times = series.times
            if times and times[-1] > since:
                group, place = places.get(series) or self._new_place(kind, series)
                for entry in _between(times, since, until):
                    _add_extras(frames.at(times[entry], group), place, series, entry, ())
        return Collected(frames.slots, until, self._histograms(epoch))

    def _histograms(self, epoch: float) -> dict[int, Histograms]:
        """Return what was counted up to the last tick, if the next one is in another interval."""
        times, interval = self._history.ticks.times, self._interval
        last, gap = times[-1] + epoch, times[-1] - times[max(0, len(times) - 2)]
        end = (slot_of(last, self._step) // interval + 1) * interval
        if slot_of(last + gap, self._step) < end:
            return {}
        every = self._history.operations.all
        return {end: {one: one.noted for one in every if one.noted is not None}}

    def _forget_removed(self) -> None:
        history = self._history
        every = (history.caches, history.apis, history.models, history.slos)
        removals = [history.operations.removals, *(index.removals for index in every)]
        if removals != self._removals:
            self._removals = removals
            self._places.clear()
            self._operations.clear()

    def _other_series(self) -> Iterator[tuple[str, TimeSeries]]:
        history = self._history
        for index in (history.caches, history.apis, history.models, history.slos):
            yield from ((index.key, series) for series in index.all)

    def operations(self, group: int) -> Sequence[tuple[int, OperationSeries]]:
        """Return the operations of a group that had calls, each with its place."""
        return self._operations.get(group, ())

    def _new_operation(self, series: OperationSeries) -> tuple[int, int]:
        group, place = self._new_place("operation", series)
        self._operations.setdefault(group, []).append((place, series))
        return group, place

    def _new_place(self, kind: str, series: TimeSeries) -> tuple[int, int]:
        """Assign a group to a series, and a place in the group; return both."""
        place = divmod(self._numbers.number(kind, series.labels), GROUP)
        self._places[series] = place
        return place

    def _add_calls(self, frame: Frame, place: int, series: OperationSeries, entry: int) -> None:
        count, total, squares, shortest, longest, buckets, calls = series.calls_of(entry)
        if count <= 0:
            return
        squares = squares if squares > 0 else 0.0
        if frame.counts[place]:
            count += frame.counts[place]
            total += frame.totals[place]
            squares += frame.squares[place]
            shortest = min(shortest, frame.shortest[place])
            longest = max(longest, frame.longest[place])
        frame.counts[place], frame.totals[place], frame.squares[place] = count, total, squares
        frame.shortest[place], frame.longest[place] = shortest, longest
        key = series.series.histogram.grid, place
        plain = self._plain.get(key)
        if plain is None:
            plain = self._plain[key] = PlainBuckets(key[0], bucket_key(place, 0))
        frame.add_pairs(map(plain.__getitem__, buckets), calls)
        if len(series.columns) > _OF_EVERY_CALL:
            if "errors" in series.columns:
                frame.errors[place] += int(_grown(series, "errors", entry))
            _add_extras(frame, place, series, entry, CALL_COLUMNS)


class _Frames:
    """The frames that are being filled."""

    def __init__(self, epoch: float, step: int, earliest: int, latest: int) -> None:
        self.slots: Slots = {}
        self._epoch = epoch
        self._step = step
        self._earliest = earliest
        self._latest = latest
        # Nearly all series have entries at the same ticks.
        self._tick = float("nan")
        self._groups: dict[int, Frame] = {}

    def at(self, tick: float, group: int) -> Frame:
        """Return the frame of a group for a tick on the steady clock."""
        if tick != self._tick:
            slot = slot_of(tick + self._epoch, self._step)
            slot = min(max(slot, self._earliest), self._latest)
            self._tick, self._groups = tick, self.slots.setdefault(slot, {})
        frame = self._groups.get(group)
        if frame is None:
            frame = self._groups[group] = Frame()
        return frame


def slot_of(tick: float, step: int) -> int:
    """Return the start of the frame that contains a tick's observations.

    Args:
        tick: the tick in seconds since the Unix epoch.
        step: the length of the frame in seconds.
    """
    # A tick at the very end of a frame observes counts within it. Clocks are not exact.
    return math.ceil((tick - _SLACK) / step - 1) * step


def _between(times: array[float], since: float, until: float) -> Sequence[int]:
    """Return the entries after a tick, up to another one, inclusive."""
    size = len(times)
    if times[-1] <= until and (size == 1 or times[-2] <= since):
        return (size - 1,)
    return range(bisect_right(times, since), bisect_right(times, until))


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
