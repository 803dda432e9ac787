"""Metrics of the registry that somebody asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from vitalspan.history.collection import Collection
from vitalspan.history.track import Track
from vitalspan.names import COMPONENT

Found = tuple[str, Mapping[str, str], float]
"""The name of a sample, its labels and its value."""

MetricReader = Callable[[frozenset[str]], Iterable[Found]]
"""Takes names of samples and yields those that a registry has."""

MAX_SERIES: Final = 2000
"""Series of one metric that are followed."""

VALUE: Final = "value"
"""The column of a counter."""

COUNTERS: Final = ("_total", "_count", "_sum", "_bucket")
"""How the names of counters end, and of the parts of a histogram that are counters."""


class Followed:
    """One metric: the gauges as they were at the last tick, or the counters over time."""

    def __init__(self, metric: str) -> None:
        self.counter = metric.endswith(COUNTERS)
        self.present: list[tuple[Mapping[str, str], float]] = []
        self.tracks: Collection[Track] = Collection(COMPONENT)
        self._by_labels: dict[frozenset[tuple[str, str]], _Counter] = {}

    def note(self, now: float, found: list[tuple[Mapping[str, str], float]]) -> None:
        """Note the metric's series at a tick."""
        if not self.counter:
            self.present = found
            return
        for labels, value in found:
            key = frozenset(labels.items())
            counter = self._by_labels.get(key)
            if counter is None:
                if len(self._by_labels) >= MAX_SERIES:
                    continue
                # What a counter stood at when it was first seen says nothing about when.
                track = self.tracks.add(Track(labels, {VALUE: value}))
                counter = self._by_labels[key] = _Counter(track, value)
                track.append(now, {VALUE: value})
            counter.note(now, value)

    def clear(self) -> None:
        """Forget everything."""
        self.present = []
        self.tracks.clear()
        self._by_labels.clear()


class _Counter:
    """A counter that may begin anew, as those of another process do when it is restarted."""

    def __init__(self, track: Track, value: float) -> None:
        self.track = track
        self._last = value
        self._before = 0.0

    def note(self, now: float, value: float) -> None:
        if value == self._last:
            return
        if value < self._last:
            self._before += self._last
        self._last = value
        self.track.append(now, {VALUE: self._before + value})


class Metrics:
    """The metrics that are followed.

    Args:
        read: reads the registry.
    """

    def __init__(self, read: MetricReader) -> None:
        self._read = read
        self._followed: dict[str, Followed] = {}

    def follow(self, metric: str) -> Followed:
        """Note a metric from the next tick on."""
        return self._followed.setdefault(metric, Followed(metric))

    def observe(self, now: float) -> None:
        """Note every metric at a tick."""
        if not self._followed:
            return
        found: dict[str, list[tuple[Mapping[str, str], float]]] = {
            name: [] for name in self._followed
        }
        for name, labels, value in self._read(frozenset(found)):
            found[name].append((labels, value))
        for name, series in found.items():
            self._followed[name].note(now, series)

    def tracks(self) -> Iterable[Collection[Track]]:
        """Return the collections of counters."""
        return [followed.tracks for followed in self._followed.values() if followed.counter]

    def clear(self) -> None:
        """Forget what was noted."""
        for followed in self._followed.values():
            followed.clear()
