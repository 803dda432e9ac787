"""The metric families of one monitor, read from its counts."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping

from vitalspan import metrics as names
from vitalspan._version import __version__
from vitalspan.config import Settings
from vitalspan.exposition.families import (
    HistogramFamily,
    MetricFamily,
    ScalarFamily,
    SummaryFamily,
    no_native,
)
from vitalspan.exposition.http_families import RequestDurations, exemplar_of, first_bytes
from vitalspan.exposition.native_histogram import NativeHistogram
from vitalspan.exposition.points import Exemplar, LabelSet, SummaryPoint
from vitalspan.labels import Labels
from vitalspan.metrics import COMPONENT, ERROR_TYPE, Family
from vitalspan.recording.counts import ApiCounts, CacheCounts, Counts
from vitalspan.recording.duration_histogram import DurationHistogram
from vitalspan.recording.series import Series
from vitalspan.runtime.fork import imports_finish_first


class MonitorFamilies:
    """Reads a monitor's metrics, family by family.

    Args:
        counts: the counts.
        settings: the settings of the monitor.
        more: yields further families, which are not recorded.

    Attributes:
        prefix: the prefix of all metric names.
        shared: the metrics of several processes that replace others in the registry; None for a
            single process.
        created_series: whether text formats have a sample for the creation time of each counter.
    """

    def __init__(
        self,
        counts: Counts,
        settings: Settings,
        more: Callable[[], Iterable[MetricFamily]] = tuple,
    ) -> None:
        self.configure(settings)
        self.counts = counts
        self.shared: object = None
        self._requests = RequestDurations()
        self._more = more

    def configure(self, settings: Settings) -> None:
        """Apply settings."""
        self.prefix = settings.metric_prefix
        self.created_series = settings.created_series
        self._native = settings.native_histograms
        self._classic = settings.classic_histograms
        self._most_buckets = settings.native_histogram_buckets

    def read(self) -> Iterator[MetricFamily]:
        """Yield all families that have points, with the prefix in their names."""
        for family in self._families():
            if family:
                yield family.named(self.prefix + family.metadata.name) if self.prefix else family

    def named(self, metadata: Family) -> Family:
        """Return a family's metadata with the prefix in its name."""
        return metadata._replace(name=self.prefix + metadata.name)

    def _families(self) -> Iterator[MetricFamily]:
        yield from self._operations()
        started = self.counts.internal().started
        yield from _caches(self.counts.caches(), started)
        yield from _apis(self.counts.apis(), started)
        yield from self._more()
        yield from self._vitalspan()

    def _operations(self) -> Iterator[MetricFamily]:
        series_list = [
            series
            for series in self.counts.all_series()
            if not series.hidden or not series.is_idle()
        ]
        # Series whose calls get their labels later have no counts of their own.
        counted = [series for series in series_list if series.histogram.count or not series.split]
        # Threads go on counting in the meantime: parts of the calls are read before the calls, so
        # that there are never more errors than calls.
        errors = _errors(series_list)
        cancellations = [series.details.cancellations for series in counted]
        created = [series.created for series in counted]
        epoch = self.counts.epoch()
        native = self._native_histogram if self._native else no_native
        yield HistogramFamily(
            names.OPERATION_DURATION,
            counted,
            lambda series: _exemplars(series, epoch),
            native=native,
            classic=self._classic,
            created=created,
        )
        yield errors
        yield first_bytes(counted, native=native, classic=self._classic)
        yield from self._requests.families(counted, epoch, native=native, classic=self._classic)
        yield ScalarFamily(names.OPERATION_CANCELLATIONS, counted, cancellations, created=created)
        yield from self._in_progress(series_list)
        measured = [series for series in counted if series.details.measured]
        created = [series.created for series in measured]
        cpu_seconds = [series.details.cpu_seconds for series in measured]
        yield ScalarFamily(names.OPERATION_CPU, measured, cpu_seconds, created=created)
        growth = [series.details.memory_growth for series in measured]
        yield ScalarFamily(names.OPERATION_MEMORY_GROWTH, measured, growth, created=created)
        yield from _measures(series_list)

    def _native_histogram(self, histogram: DurationHistogram) -> NativeHistogram:
        buckets = histogram.exponential().fitted(self._most_buckets)
        return NativeHistogram.of(buckets, histogram.total)

    def _in_progress(self, series_list: list[Series]) -> Iterator[MetricFamily]:
        now = self.counts.now()
        calls = [0] * len(series_list)
        ages = [0.0] * len(series_list)
        for index, series in enumerate(series_list):
            calls[index], oldest = self.counts.in_progress(series)
            if oldest is not None:
                ages[index] = max(0.0, now - oldest)
        yield ScalarFamily(names.OPERATION_IN_PROGRESS, series_list, calls)
        yield ScalarFamily(names.OPERATION_OLDEST, series_list, ages)

    def _vitalspan(self) -> Iterator[MetricFamily]:
        """Yield the families of vitalspan itself."""
        counts = self.counts.internal()
        started = counts.started
        internal_errors, collector_errors = counts.internal_errors, counts.collector_errors
        yield ScalarFamily.by_label(names.INTERNAL_ERRORS, "where", internal_errors, started)
        yield ScalarFamily.by_label(names.COLLECTOR_ERRORS, "collector", collector_errors, started)
        yield ScalarFamily.by_label(names.PROFILES, "result", counts.profiles, started)
        yield ScalarFamily.single(names.SERIES, counts.series)
        yield ScalarFamily.single(names.SERIES_OVERFLOWS, counts.overflows, started)
        flushes = SummaryPoint(LabelSet(), counts.flushes, counts.flush_seconds)
        yield SummaryFamily(names.FOLD, [flushes], created=[started])
        yield ScalarFamily.info(names.BUILD_INFO, [LabelSet(_build_info())])


def _exemplars(series: Series, epoch: float) -> Mapping[int, Exemplar]:
    return {
        bucket: exemplar_of(kept, epoch) for bucket, kept in list(series.details.exemplars.items())
    }


def _errors(series_list: Iterable[Series]) -> ScalarFamily:
    points: list[tuple[Labels, float]] = []
    created: list[float | None] = []
    for series in series_list:
        if series.details.errors:
            labels = tuple(series.all_labels().items())
            for error_type, count in sorted(series.details.errors.items()):
                points.append(((*labels, (ERROR_TYPE, error_type)), count))
                created.append(series.created)
    family = ScalarFamily.of(names.OPERATION_ERRORS, points)
    family.created = created
    return family


def _measures(series_list: Iterable[Series]) -> Iterator[MetricFamily]:
    by_name: dict[str, tuple[list[Series], list[float], list[float | None]]] = {}
    for series in series_list:
        if series.details.measures:
            for name, amount in list(series.details.measures.items()):
                label_sets, amounts, created = by_name.setdefault(name, ([], [], []))
                label_sets.append(series)
                amounts.append(amount)
                created.append(series.created)
    for name, (label_sets, amounts, created) in sorted(by_name.items()):
        yield ScalarFamily(names.measure(name), label_sets, amounts, created=created)


def _caches(caches: Iterable[CacheCounts], started: float | None) -> Iterator[MetricFamily]:
    requests: list[tuple[Labels, float]] = []
    for cache in caches:
        labels = ((COMPONENT, cache.component), ("cache", cache.name))
        requests.append(((*labels, ("result", "hit")), cache.hits))
        requests.append(((*labels, ("result", "miss")), cache.misses))
    yield ScalarFamily.of(names.CACHE_REQUESTS, requests, started)


def _apis(apis: Iterable[ApiCounts], started: float | None) -> Iterator[MetricFamily]:
    calls: list[tuple[Labels, float]] = []
    tokens: list[tuple[Labels, float]] = []
    cost: list[tuple[Labels, float]] = []
    for api in apis:
        labels = ((COMPONENT, api.component), ("api", api.name))
        calls.append(((*labels, ("outcome", "ok")), api.oks))
        calls.append(((*labels, ("outcome", "error")), api.errors))
        tokens.append((labels, api.tokens))
        cost.append((labels, api.cost))
    yield ScalarFamily.of(names.API_CALLS, calls, started)
    yield ScalarFamily.of(names.API_TOKENS, tokens, started)
    yield ScalarFamily.of(names.API_COST, cost, started)


def _build_info() -> Labels:
    return (
        ("opentelemetry", _installed("opentelemetry-api")),
        ("prometheus_client", _installed("prometheus-client")),
        ("python", platform.python_version()),
        ("version", __version__),
    )


_versions: dict[str, str] = {}


def _installed(package: str) -> str:
    if package not in _versions:
        try:
            with imports_finish_first:
                # Importing it loads many modules, and only scrapes need it.
                from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415
        except ImportError:
            # A signal handler scrapes in the middle of this import.
            return "unknown"
        try:
            _versions[package] = version(package)
        except PackageNotFoundError:
            _versions[package] = "unknown"
    return _versions[package]
