"""The history that rules look back on, recorded tick by tick."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from vitalspan.history.model_index import ModelIndex
from vitalspan.history.operation_series import OperationSeries
from vitalspan.history.registry_metrics import (
    MetricReader,
    Metrics,
    RegistryMetric,
    RegistrySamples,
    Samples,
)
from vitalspan.history.samples.reading import SampleReader, read_nothing
from vitalspan.history.samples.store import SampleStore
from vitalspan.history.series_index import SeriesIndex
from vitalspan.history.series_slo_counter import SeriesSloCounter
from vitalspan.history.ticks import LONGEST, Ticks
from vitalspan.history.time_series import TimeSeries
from vitalspan.metrics import COMPONENT, OPERATION
from vitalspan.recording.counts import Counts, SloCounts
from vitalspan.recording.series import Series
from vitalspan.recording.slo_counter import SloCounter

LATE: Final = 60.0
"""Seconds after which counts from before the first look back are in no window."""

DEFAULT_RETENTION: Final = 3600.0
"""Seconds of every series' past that are kept, even if no rule needs them."""


_Identity = tuple[str, frozenset[tuple[str, str]]]


class History:
    """The time series of operations, caches, APIs and SLOs, and of the metrics that are used.

    Args:
        counts: the counts of operations, caches, APIs and SLOs.
        read_metrics: reads the registry.
        is_registered: returns whether the registry has a metric, even one without series.
    """

    def __init__(
        self,
        counts: Counts,
        read_metrics: MetricReader,
        is_registered: Callable[[str], bool] = lambda _: False,
        read_samples: SampleReader = read_nothing,
    ) -> None:
        self.counts = counts
        self._is_registered = is_registered
        self.ticks = Ticks(counts.born)
        self.operations: SeriesIndex[OperationSeries] = SeriesIndex(OPERATION)
        self.caches: SeriesIndex[TimeSeries] = SeriesIndex("cache")
        self.apis: SeriesIndex[TimeSeries] = SeriesIndex("api")
        self.models = ModelIndex()
        self.slos: SeriesIndex[TimeSeries] = SeriesIndex("slo")
        self._indexes: tuple[SeriesIndex[Any], ...] = (
            *(self.operations, self.caches, self.apis, self.models, self.slos),
        )
        self.metrics = Metrics(read_metrics)
        self.slo_counters: dict[str, SloCounter | SeriesSloCounter] = {}
        self._call_counters: dict[str, SloCounter] = {}
        self._series_counters: dict[str, SeriesSloCounter] = {}
        self.samples = SampleStore(read_samples)
        self._own_metrics: dict[str, RegistryMetric] = {}
        self._series: dict[Series, OperationSeries] = {}
        self._tracks: dict[_Identity, TimeSeries] = {}
        for collection in self._indexes:
            collection.retain(DEFAULT_RETENTION)
        # There are few of them, and error budgets cover weeks.
        self.slos.retain(LONGEST)

    def begin(self, now: float) -> None:
        """Begin now if the previous counts are old, because it is unknown when they were made."""
        if now - self.counts.born > LATE:
            self.observe(now)
            self.ticks = Ticks(now)

    def observe(self, now: float, readings: Samples | None = None) -> bool:
        """Record all values at a tick.

        Args:
            now: the time of the tick, in seconds on the steady clock.
            readings: what was read from the registry; by default it is read now.

        Returns:
            Whether the values were recorded; another thread may be counting for long.
        """
        samples = self.metrics.read() if readings is None else readings
        with self.counts.flushed() as every_series:
            if every_series is None:
                return False
            self._note_calls(every_series, now)
            self._note_slos(now, samples)
        self.ticks.add(now)
        for cache in self.counts.caches():
            labels = {COMPONENT: cache.component, "cache": cache.name}
            values = {"hits": cache.hits, "misses": cache.misses}
            self._note(self.caches, labels, now, values)
        for api in self.counts.apis():
            labels = {COMPONENT: api.component, "api": api.name}
            values = {name: getattr(api, name) for name in ("oks", "errors", "tokens", "cost")}
            self._note(self.apis, labels, now, values)
        self.models.note(now, self.counts.models(), self.ticks)
        self.metrics.observe(now, samples, self.ticks)
        return True

    def made(self, metric: str) -> RegistryMetric:
        """Return a metric that the monitor itself provides."""
        return self._own_metrics.setdefault(metric, RegistryMetric(metric))

    def make(self, metric: str, series: RegistrySamples) -> None:
        """Store the current values of a metric that the monitor itself provides."""
        self.made(metric).present = series

    def covered(self) -> float:
        """Return the seconds between the first and the last known tick."""
        return self.ticks.times[-1] - self.ticks.times[0]

    def reset(self) -> None:
        """Start over now, from zero: in a forked child the recorder may not be reset yet."""
        self.ticks = Ticks(self.counts.now())
        self._series.clear()
        self._tracks.clear()
        for collection in self._indexes:
            collection.clear()
        self.metrics.clear()
        for slo_counter in self._series_counters.values():
            slo_counter.reset()
        self.samples.reset()
        for metric in self._own_metrics.values():
            metric.clear()

    def operation_series(self, series: Series) -> OperationSeries:
        """Return the time series for a series of calls, and create it if necessary."""
        track = self._series.get(series)
        if track is None:
            track = OperationSeries(series, since=self.ticks.times[-1])
            self._series[series] = self.operations.add(track)
        return track

    def time_series(
        self, collection: SeriesIndex[TimeSeries], labels: Mapping[str, str]
    ) -> TimeSeries:
        """Return the time series of a cache, an API or an SLO, and create it if necessary."""
        key = _identity(collection, labels)
        track = self._tracks.get(key)
        if track is None:
            before = self.ticks.times[-1]
            track = self._tracks[key] = collection.add(TimeSeries(labels, since=before))
        return track

    def begin_at_first_tick(self) -> None:
        """Treat everything at the first tick as counted before it, at an unknown time.

        Windows that begin before that tick only contain what was counted after it.
        """
        self.ticks = Ticks(self.ticks.times[-1])
        for collection in self._indexes:
            for track in collection.all:
                track.begin_at_first_entry()

    def forget(self, forgotten: Iterable[Series]) -> None:
        """Drop the past of series whose counts were set to zero."""
        for series in forgotten:
            self.operations.remove(self._series.pop(series, None))

    def count_slos(self, slo_counters: Mapping[str, SloCounter | SeriesSloCounter]) -> None:
        """Count SLOs with these counters, by name, in time series of their own."""
        for name, slo_counter in self.slo_counters.items():
            if slo_counters.get(name) is not slo_counter:
                for track in list(self.slos.with_key(name)):
                    self.slos.remove(self._tracks.pop(_identity(self.slos, track.labels), None))
        self.slo_counters = dict(slo_counters)
        self._call_counters = {
            name: one for name, one in slo_counters.items() if isinstance(one, SloCounter)
        }
        self.counts.count_slos(self._call_counters)
        self._series_counters = {
            name: one for name, one in slo_counters.items() if isinstance(one, SeriesSloCounter)
        }
        read = (counter.metrics for counter in self._series_counters.values())
        self.metrics.also_read = frozenset().union(*read)

    def slo_counts(self) -> Iterator[SloCounts]:
        """Yield the events of all SLOs so far, from calls and from counters of the registry."""
        yield from self.counts.slos(self._call_counters)
        for name, slo_counter in self._series_counters.items():
            for labels, part in slo_counter.series():
                yield SloCounts(name, labels, part.events, part.bad)

    def _note_calls(self, every_series: list[Series], now: float) -> None:
        for series in every_series:
            fresh = series.fresh
            if fresh is None or fresh.buckets:
                track = self.operation_series(series)
                track.note(now, series.take_fresh())
                self.operations.thin(track, self.ticks)

    def _note_slos(self, now: float, samples: Samples) -> None:
        for slo_counter in self._series_counters.values():
            slo_counter.read(samples, self._is_registered)
        for slo in self.slo_counts():
            values = {"events": slo.events, "bad": slo.bad}
            self._note(self.slos, {"slo": slo.name, **slo.labels}, now, values)

    def _note(
        self,
        collection: SeriesIndex[TimeSeries],
        labels: Mapping[str, str],
        now: float,
        values: Mapping[str, float],
    ) -> None:
        track = self.time_series(collection, labels)
        if track.times and all(track.latest(name) == value for name, value in values.items()):
            return
        track.append(now, values)
        collection.thin(track, self.ticks)


def _identity(collection: SeriesIndex[TimeSeries], labels: Mapping[str, str]) -> _Identity:
    return collection.key, frozenset(labels.items())
