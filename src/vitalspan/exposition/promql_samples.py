"""Reads the samples that rules' expressions need."""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric

from vitalspan.exposition.client_histogram import native_of
from vitalspan.exposition.collector import MetricConverter, MonitorCollector
from vitalspan.exposition.families import HistogramFamily, MetricFamily, ScalarFamily
from vitalspan.exposition.native_histogram import BucketSpans, NativeHistogram
from vitalspan.exposition.registry_samples import collectors_of
from vitalspan.exposition.text_parts import boundary_texts
from vitalspan.history.samples.reading import Layout, Reading
from vitalspan.history.samples.selections import NameFilter
from vitalspan.metrics import OPERATION_DURATION
from vitalspan.promql.engine.float_histogram import FloatHistogram
from vitalspan.recording.buckets import BucketGrid
from vitalspan.recording.series import Series


class PromqlSampleReader:
    """Reads a registry; the layouts of our own histograms are only determined once.

    Args:
        registry: the registry.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._layouts: weakref.WeakKeyDictionary[BucketGrid, dict[str, Layout]]
        self._layouts = weakref.WeakKeyDictionary()
        self._scalars: dict[str, Layout] = {}

    def __call__(self, wanted: NameFilter) -> Reading:
        """Return the samples of the metrics that a filter accepts."""
        reading = Reading()
        for collector in collectors_of(self._registry, wanted.names):
            # A scrape counts and logs collectors that raise.
            with suppress(Exception):
                if isinstance(collector, MonitorCollector):
                    self._read_monitor(collector, wanted, reading)
                else:
                    for metric in collector.collect():
                        _read_metric(metric, wanted, reading)
        return reading

    def _read_monitor(
        self, collector: MonitorCollector, wanted: NameFilter, reading: Reading
    ) -> None:
        missing = None if wanted.names is None else set(wanted.names)
        for family in collector.families.read():
            self._read_family(family, wanted, reading)
            if missing is not None:
                missing -= family.metadata.sample_names
                if not missing:
                    # Families are created one by one, so the remaining ones can be skipped.
                    return

    def _read_family(self, family: MetricFamily, wanted: NameFilter, reading: Reading) -> None:
        name = family.metadata.name
        if isinstance(family, HistogramFamily) and name.endswith(OPERATION_DURATION.name):
            calls = [point for point in family.points if isinstance(point, Series)]
            if any(wanted.wants(name + suffix) for suffix in ("_bucket", "_count", "_sum")):
                self._read_calls(name, calls, reading)
            if wanted.wants(name):
                _read_histograms(family, reading)
        elif isinstance(family, ScalarFamily):
            if wanted.wants(name):
                self._read_scalars(family, reading)
        else:
            _read_metric(_CONVERTER.convert(family), wanted, reading)
            if isinstance(family, HistogramFamily) and wanted.wants(name):
                _read_histograms(family, reading)

    def _read_calls(self, name: str, calls: Iterable[Series], reading: Reading) -> None:
        grid: BucketGrid | None = None
        for series in calls:
            histogram = series.histogram
            counts = histogram.cumulative()
            if histogram.grid is not grid:
                grid = histogram.grid
                layout = self._layout(name, grid)
            reading.points.append((series, layout, (*counts, counts[-1], histogram.total)))

    def _layout(self, name: str, grid: BucketGrid) -> Layout:
        layouts = self._layouts.setdefault(grid, {})
        layout = layouts.get(name)
        if layout is None:
            buckets = [(f"{name}_bucket", (("le", bound),)) for bound in boundary_texts(grid)]
            layout = layouts[name] = Layout(
                name, (*buckets, (f"{name}_count", ()), (f"{name}_sum", ()))
            )
        return layout

    def _read_scalars(self, family: ScalarFamily, reading: Reading) -> None:
        name = family.metadata.name
        layout = self._scalars.get(name)
        if layout is None:
            layout = self._scalars[name] = Layout(name, ((name, ()),))
        for labels, value in zip(family.label_sets, family.values, strict=True):
            if isinstance(labels, Series):
                reading.points.append((labels, layout, (value,)))
            else:
                reading.samples.append((name, labels.all_labels(), value))


_CONVERTER: Final = MetricConverter()


def _read_metric(metric: Metric, wanted: NameFilter, reading: Reading) -> None:
    for sample in metric.samples:
        if wanted.wants(sample.name):
            native = native_of(sample)
            if native is None:
                reading.samples.append((sample.name, sample.labels, sample.value))
            else:
                reading.histograms.append((sample.name, sample.labels, _as_floats(native)))


def _read_histograms(family: HistogramFamily, reading: Reading) -> None:
    for point in family.points:
        native = family.native(point.histogram)
        if native is not None:
            name, labels = family.metadata.name, point.all_labels()
            reading.histograms.append((name, labels, _as_floats(native)))


def _as_floats(native: NativeHistogram) -> FloatHistogram:
    """Return a native histogram in the form that expressions use."""
    return FloatHistogram(
        native.schema,
        float(native.count),
        math.nan if native.total is None else native.total,
        native.zero_threshold,
        float(native.zero_count),
        _counts(native.positive),
        _counts(native.negative),
    )


def _counts(buckets: BucketSpans) -> dict[int, float]:
    return {index: float(count) for index, count in buckets.counts().items() if count}
