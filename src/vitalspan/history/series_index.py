"""An index of time series of one kind, by one of their labels."""

from __future__ import annotations

from typing import Generic, TypeVar

from vitalspan.history.ticks import Ticks
from vitalspan.history.time_series import TimeSeries

AnySeries = TypeVar("AnySeries", bound=TimeSeries)


class SeriesIndex(Generic[AnySeries]):
    """Time series in the order in which they came, and by the value of one label.

    Args:
        key: the label that most questions name.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        self.all: list[AnySeries] = []
        self.retention = 0.0
        """Seconds that anybody looks back on."""
        self.horizon = float("-inf")
        """The tick that windows can begin at, at the earliest."""
        self.removals = 0
        """How often a series was taken out: whoever has read the list reads it again then."""
        self._by_key: dict[str, list[AnySeries]] = {}

    def add(self, series: AnySeries) -> AnySeries:
        """Add a series and return it."""
        self.all.append(series)
        self._by_key.setdefault(series.labels.get(self.key, ""), []).append(series)
        return series

    def remove(self, series: AnySeries | None) -> None:
        """Take a series out, where it is in."""
        if series is not None:
            self.all.remove(series)
            self._by_key[series.labels.get(self.key, "")].remove(series)
            self.removals += 1

    def with_key(self, value: str) -> list[AnySeries]:
        """Return the series, also those to come, whose label has that value."""
        return self._by_key.setdefault(value, [])

    def retain(self, seconds: float) -> None:
        """Keep at least so many seconds."""
        self.retention = max(self.retention, seconds)

    def thin(self, series: AnySeries, ticks: Ticks) -> None:
        """Drop values of a series that no reader needs, when enough of them have gathered."""
        if series.due():
            # A little more than is asked for stays, so that windows go on from where they were.
            oldest = ticks.oldest(1.1 * self.retention)
            self.horizon = max(self.horizon, oldest)
            series.thin(ticks.times, oldest)

    def clear(self) -> None:
        """Forget every series."""
        self.all.clear()
        for series_list in self._by_key.values():
            series_list.clear()
        self.horizon = float("-inf")
        self.removals += 1
