"""Collects what a history has counted since it was stored last, as frames of the finest tier."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from vitalspan.history.history import History
from vitalspan.history.operation_series import OperationSeries
from vitalspan.history.time_series import TimeSeries
from vitalspan.recording.buckets import BucketGrid
from vitalspan.store.frame import GROUP, Frame, PlainBuckets, SparseBuckets
from vitalspan.store.series_numbers import SeriesNumbers

CALL_COLUMNS: Final = ("count", "total", "squares", "errors")
"""The columns of an operation that have their own columns in frames."""

_OF_EVERY_CALL: Final = 3
"""The number of columns that every operation has."""

_SLACK: Final = 1e-3

_MOST_TICKS: Final = 60
"""The number of ticks to collect at once; after a time without the store there are more."""


Slots = dict[int, dict[int, Frame]]
"""Frames by their start and their group."""

_Key = tuple[int, BucketGrid]
"""A group, and the buckets of operations in it."""

_Member = tuple[_Key, int, OperationSeries]
"""An operation with its place in its group."""


class Collected(NamedTuple):
    """Frames that were collected.

    Attributes:
        slots: the frames.
        until: the last tick in them, on the steady clock.
    """

    slots: Slots
    until: float


class Collector:
    """Collects what the series of a history have counted between two ticks.

    The history itself keeps the data while a store cannot be written, so nothing is kept twice.

    Args:
        history: the history with the series.
        numbers: the numbers of the series in the store.
        step: the length of the finest frames in seconds.
    """

    def __init__(self, history: History, numbers: SeriesNumbers, step: int) -> None:
        self._history = history
        self._numbers = numbers
        self._step = step
        self._plain: dict[BucketGrid, PlainBuckets] = {}
        self._places: dict[TimeSeries, tuple[int, int]] = {}
        self._operations: dict[OperationSeries, _Member] = {}
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
        operations = self._operations
        members: defaultdict[_Key, list[_Member]] = defaultdict(list)
        for operation in self._history.operations.all:
            times = operation.times
            if times and times[-1] > since:
                member = operations.get(operation) or self._new_operation(operation)
                members[member[0]].append(member)
        for key, some in members.items():
            self._add_calls(frames, key, some, since, until)
        places = self._places
        for kind, series in self._other_series():
            times = series.times
            if times and times[-1] > since:
                group, place = places.get(series) or self._new_place(kind, series)
                for entry in _between(times, since, until):
                    _add_extras(frames.at(times[entry], group), place, series, entry, ())
        return Collected(frames.slots, until)

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

    def _new_operation(self, series: OperationSeries) -> _Member:
        group, place = self._new_place("operation", series)
        member = self._operations[series] = (group, series.grid), place, series
        return member

    def _new_place(self, kind: str, series: TimeSeries) -> tuple[int, int]:
        """Assign a group to a series, and a place in the group; return both."""
        place = divmod(self._numbers.number(kind, series.labels), GROUP)
        self._places[series] = place
        return place

    def _add_calls(
        self, frames: _Frames, key: _Key, members: Sequence[_Member], since: float, until: float
    ) -> None:
        """Add the calls of operations of one group that have the same buckets."""
        group, grid = key
        found: dict[Frame, tuple[list[int], list[int], list[int], list[int]]] = {}
        tick = math.nan
        for _, place, series in members:
            times = series.times
            for entry in _between(times, since, until):
                if times[entry] != tick:
                    tick = times[entry]
                    frame = frames.at(tick, group)
                    found_here = found.setdefault(frame, ([], [], [], []))
                    places, sizes, fine, numbers = found_here
                    counts, totals, sums = frame.counts, frame.totals, frame.squares
                    least, greatest = frame.shortest, frame.longest
                count, total, squares, shortest, longest, buckets, calls = series.calls_of(entry)
                if count <= 0:
                    continue
                if counts[place]:
                    shortest, longest = min(shortest, least[place]), max(longest, greatest[place])
                counts[place] += count
                totals[place] += total
                sums[place] += squares if squares > 0 else 0.0
                least[place], greatest[place] = shortest, longest
                places.append(place)
                sizes.append(len(buckets))
                fine += buckets
                numbers.extend(calls)
                if len(series.columns) > _OF_EVERY_CALL:
                    if "errors" in series.columns:
                        frame.errors[place] += int(series.increase_in(entry, "errors"))
                    _add_extras(frame, place, series, entry, CALL_COLUMNS)
        plain = self._plain.get(grid) or self._plain.setdefault(grid, PlainBuckets(grid))
        for frame, (places, sizes, fine, numbers) in found.items():
            stored = list(map(plain.__getitem__, fine))
            frame.add_sparse(SparseBuckets(places, sizes, stored, numbers))


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


def _add_extras(
    frame: Frame, place: int, series: TimeSeries, entry: int, left_out: tuple[str, ...]
) -> None:
    for column, grown in series.increases_in(entry):
        if grown and column not in left_out:
            key = (place, column)
            frame.extras[key] = frame.extras.get(key, 0.0) + grown
