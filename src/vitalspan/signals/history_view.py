"""The series of a history at one tick, for finding the worst contributors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from vitalspan.history.history import History
from vitalspan.history.series_index import SeriesIndex
from vitalspan.history.time_series import TimeSeries
from vitalspan.metrics import COMPONENT
from vitalspan.promql.matchers import match_all
from vitalspan.signals.query import Query

OPEN: Final = float("inf")
"""The end of an interval that has not ended."""


class Interval(NamedTuple):
    """An interval between two ticks, with the series that counted in it."""

    tracks: tuple[TimeSeries, ...]
    start: float
    end: float = OPEN

    def increase(self, column: str) -> float:
        """Return the increase of a counter."""
        total = 0.0
        for track in self.tracks:
            total += track.increase(column, self.start)
            if self.end < OPEN:
                total -= track.increase(column, self.end)
        return total

    def mean(self) -> float:
        """Return the mean duration of the calls; 0 without calls."""
        count = self.increase("count")
        return self.increase("total") / count if count > 0 else 0.0


class HistoryView:
    """The series of a history at one tick.

    Args:
        history: the history.
    """

    def __init__(self, history: History) -> None:
        self.history = history
        self._grouped: dict[int, dict[str, list[TimeSeries]]] = {}

    def start(self, ago: float) -> float:
        """Return the tick that was this many seconds ago."""
        return self.history.ticks.start(self.history.ticks.times[-1], ago)

    def intervals(
        self, query: Query, index: SeriesIndex[Any], component: str | None, ago: float = 0.0
    ) -> dict[str, Interval]:
        """Return the counts of a query's series within its window, by the key of their index.

        Args:
            query: the query with the matchers and the window.
            index: the series of operations, caches or APIs.
            component: the component of the series; None for all.
            ago: seconds since the end of the window.
        """
        start, end = self.start(query.window + ago), self.start(ago) if ago else OPEN
        named: dict[str, tuple[TimeSeries, ...]] = {}
        for track in self._tracks(index, component):
            if not query.where or match_all(query.where, track.labels):
                name = track.labels.get(index.key, "")
                named[name] = (*named.get(name, ()), track)
        return {name: Interval(tracks, start, end) for name, tracks in named.items()}

    def _tracks(self, index: SeriesIndex[Any], component: str | None) -> list[TimeSeries]:
        if component is None:
            return index.all
        grouped = self._grouped.get(id(index))
        if grouped is None:
            grouped = self._grouped[id(index)] = {}
            for track in index.all:
                grouped.setdefault(track.labels.get(COMPONENT, ""), []).append(track)
        return grouped.get(component, [])


FindContributor = Callable[[Query, HistoryView, str | None], str]
"""Describes what contributes most to a query's value, for one component or for the whole if it is
None; empty if nothing does."""
