"""An index of time series of one kind, by one of their labels."""

from __future__ import annotations

from typing import Generic, TypeVar

from vitalspan.history.ticks import Ticks
from vitalspan.history.time_series import TimeSeries

AnySeries = TypeVar("AnySeries", bound=TimeSeries)


class SeriesIndex(Generic[AnySeries]):
    """Time series in the order of their creation, and by the value of one label.

    Args:
        key: the label that most queries name.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        self.all: list[AnySeries] = []
        self.retention = 0.0
        """The maximum number of seconds that readers look back."""
        self.horizon = float("-inf")
        """The earliest tick that windows can begin at."""
        self.removals = 0
        """How often a series was removed; readers of a list read it again when this changes."""
        self._by_key: dict[str, list[AnySeries]] = {}

    def add(self, series: AnySeries) -> AnySeries:
        """Add a series and return it."""
        self.all.append(series)
        self._by_key.setdefault(series.labels.get(self.key, ""), []).append(series)
        return series

    def remove(self, series: AnySeries | None) -> None:
        """Remove a series if it is in the index."""
        if series is not None:
            self.all.remove(series)
            self._by_key[series.labels.get(self.key, "")].remove(series)
            self.removals += 1

    def with_key(self, value: str) -> list[AnySeries]:
        """Return the series whose label has this value; the list includes later ones."""
        return self._by_key.setdefault(value, [])

    def retain(self, seconds: float) -> None:
        """Keep at least this many seconds."""
        self.retention = max(self.retention, seconds)

    def thin(self, series: AnySeries, ticks: Ticks) -> None:
        """Drop values of a series that no reader needs, once there are enough of them."""
        if series.due():
            # A little more than needed is kept, so that windows can continue from where they were.
            oldest = ticks.oldest(1.1 * self.retention)
            self.horizon = max(self.horizon, oldest)
            series.thin(ticks.times, oldest)

    def clear(self) -> None:
        """Remove all series."""
        self.all.clear()
        for series_list in self._by_key.values():
            series_list.clear()
        self.horizon = float("-inf")
        self.removals += 1
