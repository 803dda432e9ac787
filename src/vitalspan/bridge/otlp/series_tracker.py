"""Tracks exported series: resets, start times, and series that vanish.

A single reading shows none of these: only the next one shows that a counter was reset, or that a
series is gone.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from vitalspan.bridge.otlp.model import (
    Attributes,
    Batch,
    Description,
    Point,
    Scope,
    cumulated_value,
    shape_of,
    stale_point,
)


class _Last(NamedTuple):
    """The last exported state of one series."""

    cumulated: float
    start: int
    time: int
    shape: tuple[float, ...] = ()


_PRESENT: Final = _Last(0.0, 0, 0)
"""The state of gauges and other series without a start: they only exist."""

_Series = dict[Attributes, _Last]


class SeriesTracker:
    """Tracks the series of one resource from batch to batch."""

    def __init__(self) -> None:
        self._series: dict[tuple[Scope, Description], _Series] = {}

    def __len__(self) -> int:
        return sum(map(len, self._series.values()))

    def reset(self) -> None:
        """Drop all series."""
        self._series = {}

    def follow(self, batch: Batch, time: int) -> Batch:
        """Return the batch with start times and last points, based on the previous batches.

        A counter, histogram or summary that has decreased was reset after the previous reading,
        which becomes its start time, unless its own start is later. A series that has vanished gets
        one last point, flagged as no longer recorded. If a series has several points, only the
        first one is kept, because a receiver would take the others for resets.

        Args:
            batch: all current series.
            time: the time of the reading in nanoseconds.
        """
        before, self._series = self._series, {}
        followed: Batch = {}
        for scope, metrics in batch.items():
            for description, points in metrics:
                key = scope, description
                states = self._series.setdefault(key, {})
                followed_points = _follow(
                    points, before.get(key, {}), states, resets=description.kind.resets
                )
                followed.setdefault(scope, []).append((description, followed_points))
        self._add_vanished(followed, before, time)
        return followed

    def _add_vanished(
        self, batch: Batch, before: dict[tuple[Scope, Description], _Series], time: int
    ) -> None:
        metrics = {
            (scope, description): points
            for scope, listed in batch.items()
            for description, points in listed
        }
        for (scope, description), series in before.items():
            vanished = series.keys() - self._series.get((scope, description), {}).keys()
            if not vanished:
                continue
            stale: list[Point] = [
                stale_point(description.kind, attributes, last.start, time, last.shape)
                for attributes, last in series.items()
                if attributes in vanished
            ]
            present_points = metrics.get((scope, description))
            if present_points is None:
                batch.setdefault(scope, []).append((description, stale))
            else:
                present_points += stale


def _follow(points: list[Point], before: _Series, states: _Series, *, resets: bool) -> list[Point]:
    followed: list[Point] = []
    if not resets:
        for point in points:
            if point.attributes not in states:
                if not point.stale:
                    states[point.attributes] = _PRESENT
                followed.append(point)
        return followed
    for point in points:
        attributes, start = point.attributes, point.start
        if attributes in states:
            continue
        last = before.get(attributes)
        if last is not None and not point.stale:
            start = max(start, last.time if cumulated_value(point) < last.cumulated else last.start)
        if not point.stale:
            states[attributes] = _Last(cumulated_value(point), start, point.time, shape_of(point))
        followed.append(point if start == point.start else point._replace(start=start))
    return followed
