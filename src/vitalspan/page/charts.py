"""Reads the points of charts from the history of a monitor."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from vitalspan.statistics.timeline import Slot, TimelineSums

if TYPE_CHECKING:
    from vitalspan.history.history import History
    from vitalspan.history.operation_series import OperationSeries
    from vitalspan.recording.buckets import BucketGrid
    from vitalspan.signals.signal_history import SignalHistory

MAX_POINTS: Final = 500

_USUAL_POINTS: Final = 60
_STEPS: Final = (
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800),
    *(3600, 7200, 10800, 21600, 43200, 86400),
)

_RANGES: Final = (60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0)

_LEAST: Final = -40
"""The bucket of all calls that took at most a microsecond."""

Number = float | None

Figures = tuple[Number, Number, Number, Number, Number]
"""The values of `Points` at one time."""

UNKNOWN: Final[Figures] = (None,) * 5
"""The values at a time about which nothing is known."""

Span = tuple[float, float]
"""The ticks at the start and end of a point's time."""

KnownPoints = dict[Span, Figures]


@dataclass(frozen=True)
class Axis:
    """The time axis that the charts of a view share.

    Attributes:
        step: seconds between two points.
        times: the end of each point, in seconds since the Unix epoch; the last one is now.
    """

    step: float
    times: tuple[float, ...]


@dataclass(frozen=True)
class Points:
    """A chart of some calls: a value for each time of an axis, None if it is unknown.

    Attributes:
        rate: calls that ended per second.
        error_rate: the ratio of errors to calls that were not cancelled, 0 to 1.
        p50: the median duration in seconds.
        p95: the 95th percentile of the durations in seconds.
        p99: the 99th percentile of the durations in seconds.
    """

    rate: tuple[Number, ...]
    error_rate: tuple[Number, ...]
    p50: tuple[Number, ...]
    p95: tuple[Number, ...]
    p99: tuple[Number, ...]


@dataclass(frozen=True)
class Durations:
    """The number of calls by duration over time: a heat map, or a histogram when added up.

    Attributes:
        uppers: the upper bounds of the buckets in seconds, ascending, each 1.41 times the one
            before.
        counts: for each time of the axis, the number of calls in each bucket.
    """

    uppers: tuple[float, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Boundaries:
    """The ticks at the boundaries of points.

    Attributes:
        axis: the boundaries in the time of day.
        ticks: one more than there are points, in seconds on the steady clock; NaN at both ends of
            times without history.
    """

    axis: Axis
    ticks: tuple[float, ...]


def usual_step(seconds: float, interval: float = 0.0) -> float:
    """Return the seconds between two points of a chart.

    Args:
        seconds: the length of the chart.
        interval: seconds between two ticks; every point has at least one tick.
    """
    wanted = max(seconds / _USUAL_POINTS, 2 * interval)
    return next((float(step) for step in _STEPS if step >= wanted), float(_STEPS[-1]))


def find_boundaries(
    history: History,
    epoch: float,
    seconds: float,
    step: float | None = None,
    interval: float = 0.0,
) -> Boundaries:
    """Return the boundaries of points for the last seconds of a history.

    Points end at multiples of the step, so that they stay in place as time goes on. The last one
    ends at the last tick.

    Args:
        history: the history to read.
        epoch: the difference between the time of day and the steady clock in seconds.
        seconds: how far the chart goes back; for a young service it is shorter.
        step: seconds between two points; None chooses.
        interval: seconds between two ticks.
    """
    ticks = history.ticks.times
    seconds = min(seconds, _fitting(ticks[-1] - ticks[0]))
    step = max(step or usual_step(seconds, interval), seconds / MAX_POINTS)
    now = ticks[-1] + epoch
    last = now // step * step
    if now - last < step / 2:
        # A very short last point would jump up and down.
        last -= step
    count = min(MAX_POINTS, max(1, round(seconds / step)))
    wanted = [last - step * index for index in range(count - 1, -1, -1)]
    oldest = max(ticks[0], history.operations.horizon)
    found = [_tick_at(ticks, when - epoch, oldest) for when in wanted]
    first = next((index for index, tick in enumerate(found) if tick >= oldest), len(found))
    if first:
        # The counts since the beginning, or since what was dropped, are a point as well.
        found[first - 1] = oldest
    return Boundaries(Axis(step, (*wanted[1:], now)), (*found, ticks[-1]))


def read_points(
    tracks: Iterable[OperationSeries], boundaries: Boundaries, known: KnownPoints | None = None
) -> Points:
    """Return the points for the calls of some series combined.

    Args:
        tracks: the series.
        boundaries: the boundaries from `find_boundaries`; the history must not change in between.
        known: points of the same series that were read before, and are not read again.
    """
    spans = [*pairwise(boundaries.ticks)]
    known = {} if known is None else known
    # There may be no tick between two points of the axis.
    unread = [span for span in spans if span not in known and span[0] < span[1]]
    sums = [TimelineSums(edges) for edges in _joined(unread)]
    for track in tracks:
        for one in sums:
            one.add(track)
    slots = (slot for one in sums for slot in one.timeline(None, None, 0.0).slots)
    read = {span: figures_of(slot) for span, slot in zip(unread, slots, strict=True)}
    points = [known.get(span) or read.get(span, UNKNOWN) for span in spans]
    known |= read
    for span in known.keys() - spans[:-1]:
        # A point that has begun will change, and one that is over is not needed again.
        del known[span]
    return Points(*zip(*points, strict=True))


def _joined(spans: Iterable[Span]) -> list[list[float]]:
    """Return the edges of spans, joined where one begins at the end of another."""
    edges: list[list[float]] = []
    for start, end in spans:
        if edges and edges[-1][-1] == start:
            edges[-1].append(end)
        else:
            edges.append([start, end])
    return edges


def figures_of(slot: Slot) -> Figures:
    """Return the values of a slot, in the order of `Points`."""
    return (
        _rounded(slot.throughput),
        _rounded(slot.error_rate),
        _rounded(slot.p50),
        _rounded(slot.p95),
        _rounded(slot.p99),
    )


def _rounded(value: Number) -> Number:
    # More digits are not visible, and the documents are half as long.
    return None if value is None else float(f"{value:.5g}")


def read_signal(
    signal_history: SignalHistory, signal: str, ticks: Sequence[float]
) -> tuple[Number, ...]:
    """Return the means of a signal between ticks, in seconds on the steady clock."""
    return tuple(
        None if math.isnan(start) else signal_history.mean(signal, start, end)
        for start, end in pairwise(ticks)
    )


def read_durations(tracks: Iterable[OperationSeries], boundaries: Boundaries) -> Durations:
    """Return the number of calls of some series by duration.

    Args:
        tracks: the series.
        boundaries: the boundaries from `find_boundaries`; the history must not change in between.
    """
    rows: list[dict[int, int]] = [{} for _ in boundaries.ticks[1:]]
    for track in tracks:
        places = [
            -1 if math.isnan(one) else bisect_right(track.times, one) for one in boundaries.ticks
        ]
        for row, (first, after) in zip(rows, pairwise(places), strict=True):
            if 0 <= first < after:
                buckets: dict[int, int] = {}
                track.add_buckets(buckets, first, after)
                _add_half_octaves(row, track.grid, buckets)
    used = [index for row in rows for index in row]
    indexes = range(min(used), max(used) + 1) if used else range(0)
    return Durations(
        uppers=tuple(float(f"{2 ** (index / 2):.5g}") for index in indexes),
        counts=tuple(tuple(row.get(index, 0) for index in indexes) for row in rows),
    )


def _add_half_octaves(row: dict[int, int], grid: BucketGrid, buckets: Mapping[int, int]) -> None:
    """Add calls by twice the binary logarithm of their bucket's upper bound."""
    for bucket, calls in buckets.items():
        middle = grid.middle(bucket)
        index = _LEAST if middle <= 0 else max(_LEAST, math.ceil(2 * math.log2(middle)))
        row[index] = row.get(index, 0) + calls


def _fitting(age: float) -> float:
    """Return the shortest usual range that covers the age of a service in seconds."""
    return next((one for one in _RANGES if age <= one), math.inf)


def _tick_at(ticks: Sequence[float], when: float, oldest: float) -> float:
    """Return the last tick that is not after a time; NaN if that is too long ago."""
    place = bisect_right(ticks, when)
    tick = ticks[place - 1] if place else math.nan
    return tick if tick >= oldest else math.nan
