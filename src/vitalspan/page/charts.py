"""Points of charts, read from the history of a monitor."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from vitalspan.history.history import History
    from vitalspan.history.operation_series import OperationSeries
    from vitalspan.recording.buckets import BucketGrid

MAX_POINTS: Final = 500

_USUAL_POINTS: Final = 60
_STEPS: Final = (
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800),
    *(3600, 7200, 10800, 21600, 43200, 86400),
)

_RANGES: Final = (300.0, 900.0, 1800.0, 3600.0)

_LEAST: Final = -40
"""The bucket of all calls that took a microsecond or less."""

Number = float | None


@dataclass(frozen=True)
class Axis:
    """The time axis that the charts of one view share.

    Attributes:
        step: seconds between two points.
        times: the end of each point's time, in seconds since the Unix epoch; the last one is now.
    """

    step: float
    times: tuple[float, ...]


@dataclass(frozen=True)
class Points:
    """The chart of some calls: a value for each time of an axis, None where nothing is known.

    Attributes:
        rate: calls that ended per second.
        error_rate: the share of errors among the calls that were not cancelled, 0 to 1.
        p50: half of the calls take no longer, in seconds.
        p95: 95 % of them take no longer, in seconds.
        p99: 99 % of them take no longer, in seconds.
    """

    rate: tuple[Number, ...]
    error_rate: tuple[Number, ...]
    p50: tuple[Number, ...]
    p95: tuple[Number, ...]
    p99: tuple[Number, ...]


@dataclass(frozen=True)
class Durations:
    """How many calls took how long, over time: a heat map, or a histogram when added up.

    Attributes:
        uppers: the upper bounds of the buckets in seconds, ascending, each 1.41 times the one
            before; no call in a bucket took longer.
        counts: for each time of the axis the calls in each bucket.
    """

    uppers: tuple[float, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Boundaries:
    """The ticks at which the times of points begin and end.

    Attributes:
        axis: the same in the time of day.
        ticks: one more than there are points, in seconds on the steady clock; NaN at both ends of
            what there is no history of.
    """

    axis: Axis
    ticks: tuple[float, ...]


def usual_step(seconds: float) -> float:
    """Return the seconds between two points of a chart that is so long."""
    wanted = seconds / _USUAL_POINTS
    return next((float(step) for step in _STEPS if step >= wanted), float(_STEPS[-1]))


def find_boundaries(
    history: History, epoch: float, seconds: float, step: float | None = None
) -> Boundaries:
    """Return the boundaries of the points of the last seconds of a history.

    Points end at multiples of the step, so that they stay where they are while time goes on. The
    last one ends at the last tick.

    Args:
        history: that the points are read from.
        epoch: the difference between the time of day and the steady clock in seconds.
        seconds: how far the chart goes back; that of a young service is shorter.
        step: seconds between two points; None chooses.
    """
    ticks = history.ticks.times
    seconds = min(seconds, _fitting(ticks[-1] - ticks[0]))
    step = max(step or usual_step(seconds), seconds / MAX_POINTS)
    now = ticks[-1] + epoch
    last = now // step * step
    if now - last < step / 2:
        # A sliver of a point would jump up and down.
        last -= step
    count = min(MAX_POINTS, max(1, round(seconds / step)))
    wanted = [last - step * index for index in range(count - 1, -1, -1)]
    oldest = max(ticks[0], history.operations.horizon)
    found = [_tick_at(ticks, when - epoch, oldest) for when in wanted]
    first = next((index for index, tick in enumerate(found) if tick >= oldest), len(found))
    if first:
        # What was counted since the beginning, or since what was forgotten, is a point as well.
        found[first - 1] = oldest
    return Boundaries(Axis(step, (*wanted[1:], now)), (*found, ticks[-1]))


def read_points(tracks: Iterable[OperationSeries], boundaries: Boundaries) -> Points:
    """Return the points of the calls of some series together.

    Args:
        tracks: the series.
        boundaries: from `find_boundaries`; the history must not change in between.
    """
    ticks = boundaries.ticks
    totals = [_Calls() for _ in ticks[1:]]
    for track in tracks:
        _add(track, ticks, totals)
    known = [start < end for start, end in pairwise(ticks)]
    spans = [end - start for start, end in pairwise(ticks)]
    each = list(zip(totals, known, spans, strict=True))
    quantiles = [calls.quantiles((0.5, 0.95, 0.99)) for calls in totals]
    return Points(
        rate=tuple(calls.count / span if there else None for calls, there, span in each),
        error_rate=tuple(calls.error_rate() for calls in totals),
        p50=tuple(one[0] for one in quantiles),
        p95=tuple(one[1] for one in quantiles),
        p99=tuple(one[2] for one in quantiles),
    )


def read_durations(tracks: Iterable[OperationSeries], boundaries: Boundaries) -> Durations:
    """Return how many calls of some series took how long.

    Args:
        tracks: the series.
        boundaries: from `find_boundaries`; the history must not change in between.
    """
    totals = [_Calls() for _ in boundaries.ticks[1:]]
    for track in tracks:
        _add(track, boundaries.ticks, totals)
    rows = [calls.by_half_octave() for calls in totals]
    used = [index for row in rows for index in row]
    indexes = range(min(used), max(used) + 1) if used else range(0)
    return Durations(
        uppers=tuple(2 ** (index / 2) for index in indexes),
        counts=tuple(tuple(row.get(index, 0) for index in indexes) for row in rows),
    )


class _Calls:
    """The calls of one point."""

    def __init__(self) -> None:
        self.count = 0.0
        self.errors = 0.0
        self.cancellations = 0.0
        self.buckets: dict[BucketGrid, dict[int, int]] = {}

    def error_rate(self) -> Number:
        judged = self.count - self.cancellations
        return min(1.0, self.errors / judged) if judged > 0 else None

    def by_half_octave(self) -> dict[int, int]:
        """Return the calls by twice the binary logarithm of the upper bound of their bucket."""
        found: dict[int, int] = {}
        for grid, buckets in self.buckets.items():
            for bucket, calls in buckets.items():
                middle = grid.middle(bucket)
                index = _LEAST if middle <= 0 else max(_LEAST, math.ceil(2 * math.log2(middle)))
                found[index] = found.get(index, 0) + calls
        return found

    def quantiles(self, ranks: Sequence[float]) -> list[Number]:
        """Return the durations that these shares of the calls do not exceed, ascending."""
        durations = sorted(
            (grid.middle(bucket), calls)
            for grid, buckets in self.buckets.items()
            for bucket, calls in buckets.items()
        )
        total = sum(calls for _, calls in durations)
        found: list[Number] = []
        below, place = 0, 0
        for rank in ranks:
            while place < len(durations) and below + durations[place][1] < rank * total:
                below += durations[place][1]
                place += 1
            found.append(durations[place][0] if total else None)
        return found


def _add(track: OperationSeries, ticks: Sequence[float], totals: Sequence[_Calls]) -> None:
    """Add the calls of a series to those of each point."""
    times = track.times
    places = [-1 if math.isnan(tick) else bisect_right(times, tick) for tick in ticks]
    counts, errors, cancellations = (
        _values(track, name, places) for name in ("count", "errors", "cancellations")
    )
    for index, (first, after) in enumerate(pairwise(places)):
        if first < 0 or first == after:
            continue
        calls = totals[index]
        calls.count += counts[index + 1] - counts[index]
        calls.errors += errors[index + 1] - errors[index]
        calls.cancellations += cancellations[index + 1] - cancellations[index]
        track.add_buckets(calls.buckets.setdefault(track.grid, {}), first, after)


def _values(track: OperationSeries, column: str, places: Sequence[int]) -> list[float]:
    """Return what a counter stood at after so many entries, for each place."""
    values, base = track.columns.get(column), track.base.get(column, 0.0)
    if values is None:
        return [base] * len(places)
    return [values[place - 1] if place > 0 else base for place in places]


def _fitting(age: float) -> float:
    """Return the shortest usual range that a service of some age in seconds fits in."""
    return next((one for one in _RANGES if age <= one), math.inf)


def _tick_at(ticks: Sequence[float], when: float, oldest: float) -> float:
    """Return the last tick that is not after a time, or NaN where that is too long ago."""
    place = bisect_right(ticks, when)
    tick = ticks[place - 1] if place else math.nan
    return tick if tick >= oldest else math.nan
