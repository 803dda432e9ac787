"""The counts of one series over time."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

_CHECK: Final = 64
"""The number of entries after which a time series checks whether some can be dropped."""


class TimeSeries:
    """Counters or gauges of one series, at the ticks at which they changed.

    Counters are kept as absolute values, so that the increase over any window is a difference, and
    dropping entries in between only loses resolution. No entry is added while nothing changes.

    Args:
        labels: the labels of the series.
        base: the values before the first entry; values that are not named were 0.
        since: the time from which on the values were counted.
    """

    __slots__ = (
        "_position",
        "_thinned",
        "base",
        "columns",
        "horizon",
        "labels",
        "since",
        "times",
        "version",
    )

    def __init__(
        self,
        labels: Mapping[str, str],
        base: Mapping[str, float] | None = None,
        since: float = float("-inf"),
    ) -> None:
        self.labels = dict(labels)
        self.base = dict(base or {})
        self.since = since
        self.times = array("d")
        self.columns: dict[str, array[float]] = {}
        self.version = 0
        """How often entries were dropped."""
        self.horizon = float("-inf")
        """The earliest tick that windows can begin at."""
        self._thinned = 0
        # The last tick that was searched, and the first entry after it: columns share windows.
        self._position = (float("nan"), 0)

    def append(self, now: float, values: Mapping[str, float]) -> None:
        """Record the values at a tick. Values that are not named have not changed."""
        columns, size = self.columns, len(self.times)
        for name in values:
            if name not in columns:
                columns[name] = array("d", [self.base.get(name, 0.0)]) * size
        self.times.append(now)
        for name, column in columns.items():
            column.append(values[name] if name in values else column[-1])

    def begin_at_first_entry(self) -> None:
        """Treat the first entry as counted before it, at an unknown time."""
        self.base = {name: column[0] for name, column in self.columns.items() if column}
        self.version += 1

    def prepend(self, times: Sequence[float], grown: Sequence[Mapping[str, float]]) -> None:
        """Insert entries before the first one, such as those of an earlier process.

        Args:
            times: their ticks, in order, all before the first entry.
            grown: the increases of the values in each entry.
        """
        size = len(times)
        names = dict.fromkeys([*self.columns, *(name for values in grown for name in values)])
        for name in names:
            known = self.columns.get(name)
            base = self.base.get(name, 0.0)
            column = array("d", bytes(8 * size))
            value = base
            for entry in range(size - 1, -1, -1):
                column[entry] = value
                value -= grown[entry].get(name, 0.0)
            self.base[name] = value
            column.extend(array("d", [base]) * len(self.times) if known is None else known)
            self.columns[name] = column
        self.times = array("d", times) + self.times
        self._position = (float("nan"), 0)
        self.version += 1

    def latest(self, column: str) -> float:
        """Return the latest value of a column."""
        values = self.columns.get(column)
        return values[-1] if values else self.base.get(column, 0.0)

    def increase_in(self, entry: int, column: str) -> float:
        """Return the increase of a column in an entry."""
        values = self.columns[column]
        return values[entry] - (values[entry - 1] if entry else self.base.get(column, 0.0))

    def increases_in(self, entry: int) -> Iterator[tuple[str, float]]:
        """Yield the increase of each column in an entry."""
        for name in self.columns:
            yield name, self.increase_in(entry, name)

    def increase(self, column: str, start: float) -> float:
        """Return the increase of a counter since a tick."""
        values = self.columns.get(column)
        if not values:
            return 0.0
        looked_for, index = self._position
        if looked_for != start:
            index = bisect_right(self.times, start)
            self._position = (start, index)
        return values[-1] - (values[index - 1] if index else self.base.get(column, 0.0))

    @staticmethod
    def total_increase(tracks: Iterable[TimeSeries], column: str, start: float) -> float:
        """Return the increase of a counter since a tick, over several series.

        Args:
            tracks: the series.
            column: the counter.
            start: the tick.
        """
        # This is `increase` with an inlined loop: there may be thousands of series, most of which
        # have no errors, for example.
        increases: list[float] = []
        for track in tracks:
            values = track.columns.get(column)
            if values:
                looked_for, index = track._position  # noqa: SLF001 - of the same class
                if looked_for != start:
                    index = bisect_right(track.times, start)
                    track._position = (start, index)  # noqa: SLF001
                before = values[index - 1] if index else track.base.get(column, 0.0)
                increases.append(values[-1] - before)
        return sum(increases, 0.0)

    def due(self) -> bool:
        """Return whether there are enough new entries to make `thin` worthwhile."""
        return len(self.times) - self._thinned >= _CHECK

    def thin(self, ticks: Sequence[float], oldest: float) -> None:
        """Drop entries that no window begins at.

        Args:
            ticks: the ticks that windows may begin at, in order.
            oldest: the first tick that is needed.
        """
        self.horizon = oldest
        first = max(0, bisect_right(self.times, oldest) - 1)
        # An entry has the values of all ticks from its own on until the next entry.
        places = [bisect_left(ticks, when) for when in self.times]
        last = len(places) - 1
        kept = [
            index
            for index in range(first, last + 1)
            if index == last or places[index] < places[index + 1]
        ]
        if len(kept) <= last:
            self._keep(kept, first)
            self.version += 1
        self._thinned = len(self.times)

    def _keep(self, kept: Sequence[int], first: int) -> None:  # noqa: ARG002 - for calls
        """Keep only these entries; those before `first` are not in any window any more."""
        before = kept[0] - 1
        if before >= 0:
            for name, column in self.columns.items():
                self.base[name] = column[before]
        self._position = (float("nan"), 0)
        self.times = array("d", [self.times[index] for index in kept])
        for name, column in self.columns.items():
            self.columns[name] = array("d", [column[index] for index in kept])
