"""The registry's metrics that rules read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from vitalspan.history.series_index import SeriesIndex
from vitalspan.history.ticks import Ticks
from vitalspan.history.time_series import TimeSeries
from vitalspan.metrics import COMPONENT, is_counter
from vitalspan.runtime.internal_errors import logger

Found = tuple[str, Mapping[str, str], float]
"""The name of a sample, its labels and its value."""

RegistrySamples = list[tuple[Mapping[str, str], float]]
"""The labels and values of one metric."""

Samples = dict[str, RegistrySamples]
"""The samples by metric."""

MetricReader = Callable[[frozenset[str]], Iterable[Found]]
"""Takes sample names and yields the samples with these names in a registry."""

MAX_SERIES: Final = 2000
"""The maximum number of series of one metric that are followed."""

VALUE: Final = "value"
"""The column of a counter."""


class RegistryMetric:
    """A metric: the latest values of its gauges, or the history of its counters."""

    def __init__(self, metric: str) -> None:
        self.counter = is_counter(metric)
        self.present: RegistrySamples = []
        self.tracks: SeriesIndex[TimeSeries] = SeriesIndex(COMPONENT)
        self._metric = metric
        self._refused = False
        self._by_labels: dict[frozenset[tuple[str, str]], _Counter] = {}

    def note(self, now: float, samples: RegistrySamples, ticks: Ticks) -> None:
        """Record the metric's series at a tick."""
        if not self.counter:
            self.present = samples
            return
        for labels, value in samples:
            key = frozenset(labels.items())
            counter = self._by_labels.get(key)
            if counter is None:
                if len(self._by_labels) >= MAX_SERIES:
                    self._refuse()
                    continue
                # The first value of a counter does not tell when it was counted.
                track = self.tracks.add(TimeSeries(labels, {VALUE: value}, since=now))
                counter = self._by_labels[key] = _Counter(track, value)
                track.append(now, {VALUE: value})
            counter.note(now, value)
            self.tracks.thin(counter.track, ticks)
        if len(self._by_labels) > len(samples):
            self._forget_lost(now)

    def clear(self) -> None:
        """Drop everything."""
        self.present = []
        self.tracks.clear()
        self._by_labels.clear()

    def _forget_lost(self, now: float) -> None:
        limit = now - self.tracks.retention
        for key, counter in list(self._by_labels.items()):
            if counter.seen < limit:
                del self._by_labels[key]
                self.tracks.remove(counter.track)

    def _refuse(self) -> None:
        if not self._refused:
            self._refused = True
            logger.warning(
                "the metric %s has more than %d series, and rules ignore the others",
                self._metric,
                MAX_SERIES,
            )


class _Counter:
    """A counter that may be reset, like those of another process that restarts."""

    def __init__(self, track: TimeSeries, value: float) -> None:
        self.track = track
        self.seen = float("-inf")
        self._last = value
        self._before = 0.0

    def note(self, now: float, value: float) -> None:
        self.seen = now
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

    Attributes:
        also_read: metrics that are read at each tick although they are not followed.
    """

    def __init__(self, read: MetricReader) -> None:
        self._read = read
        self._followed: dict[str, RegistryMetric] = {}
        self.also_read: frozenset[str] = frozenset()

    def follow(self, metric: str) -> RegistryMetric:
        """Record a metric from the next tick on."""
        return self._followed.setdefault(metric, RegistryMetric(metric))

    def read(self) -> Samples:
        """Read all wanted metrics. Collectors may take long, and may take locks of their own."""
        names = self.also_read.union(self._followed)
        samples: Samples = {name: [] for name in names}
        for name, labels, value in self._read(names) if names else ():
            samples[name].append((labels, value))
        return samples

    def observe(self, now: float, samples: Samples, ticks: Ticks) -> None:
        """Record what was read at a tick."""
        for name, series in samples.items():
            followed = self._followed.get(name)
            if followed is not None:
                followed.note(now, series, ticks)

    def clear(self) -> None:
        """Drop everything that was recorded."""
        for followed in self._followed.values():
            followed.clear()
