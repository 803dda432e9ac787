"""Converts metrics of prometheus_client, which are lists of samples, to data points.

The rules are those of OpenTelemetry's Prometheus compatibility document, "Prometheus Metric points
to OTLP".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from prometheus_client.core import Metric as ClientMetric

from vitalspan.bridge.otlp.batch_builder import BatchBuilder
from vitalspan.bridge.otlp.exemplars import nanoseconds, to_exemplar
from vitalspan.bridge.otlp.model import (
    Attributes,
    Description,
    Exemplar,
    HistogramPoint,
    Kind,
    NumberPoint,
    Point,
    Scope,
    SummaryPoint,
    stale_point,
)
from vitalspan.bridge.otlp.native_histograms import checked_count, is_stale, kind_of, native_point
from vitalspan.bridge.otlp.scopes import split_labels
from vitalspan.bridge.otlp.scraped_metric import ScrapedMetric
from vitalspan.bridge.ucum import to_ucum

Metric = ClientMetric | ScrapedMetric
"""A metric of prometheus_client, or one that was scraped and has the same attributes."""

_KINDS: Final = {
    "counter": Kind.COUNTER,
    "gauge": Kind.GAUGE,
    "info": Kind.SUM,
    "stateset": Kind.SUM,
    "unknown": Kind.GAUGE,
}

_GROUPED: Final = {"histogram": "le", "summary": "quantile"}
"""Types whose points consist of several samples, and the label that distinguishes these."""


def add_metric(metric: Metric, builder: BatchBuilder) -> None:
    """Add the points of a metric to a batch.

    Gauge histograms are left out, as the document demands. `target_info` describes the resource.

    Args:
        metric: the metric with its samples.
        builder: collects the points.

    Raises:
        Exception: whatever invalid sample values raise.
    """
    if metric.type in _GROUPED:
        _add_grouped(metric, builder)
    elif metric.type not in _KINDS:
        builder.left_out += 1
    elif _is_target_info(metric):
        for sample in metric.samples:
            builder.resource.update((str(key), str(sample.labels[key])) for key in sample.labels)
    else:
        _add_scalars(metric, builder)


def _is_target_info(metric: Metric) -> bool:
    # The classic text format has no type for infos.
    return (metric.type == "info" and metric.name in ("target", "target_info")) or (
        metric.type == "gauge" and metric.name == "target_info"
    )


def _description(metric: Metric, name: str, kind: Kind) -> Description:
    return Description(name, metric.documentation, to_ucum(metric.unit), metric.type, kind)


def _add_scalars(metric: Metric, builder: BatchBuilder) -> None:
    kind = _KINDS[metric.type]
    starts = _created(metric) if kind is Kind.COUNTER else {}
    for sample in metric.samples:
        if kind is Kind.COUNTER and sample.name == f"{metric.name}_created":
            continue
        scope, attributes = split_labels(sample.labels)
        time = builder.time if sample.timestamp is None else nanoseconds(sample.timestamp)
        start = starts.get((scope, attributes), 0)
        value = float(sample.value)
        points = builder.points(scope, _description(metric, sample.name, kind))
        if is_stale(value):
            points.append(NumberPoint(attributes, start, time, stale=True))
            continue
        exemplars = (to_exemplar(sample.exemplar, time),) if sample.exemplar else ()
        points.append(NumberPoint(attributes, start, time, value, exemplars))


def _created(metric: Metric) -> dict[tuple[Scope, Attributes], int]:
    """Return the start time of each counter."""
    return {
        split_labels(sample.labels): nanoseconds(sample.value)
        for sample in metric.samples
        if sample.name == f"{metric.name}_created"
    }


class _Parts:
    """The samples of one histogram or summary."""

    def __init__(self) -> None:
        self.count: float | None = None
        self.total: float | None = None
        self.created = 0
        self.time: int | None = None
        self.by_bound: list[tuple[float, float]] = []
        """Bucket boundaries with cumulative counts, or quantiles with values."""
        self.exemplars: list[Any] = []
        self.native: Any = None

    def bounds(self) -> tuple[float, ...]:
        """Return the boundaries or quantiles, without infinity."""
        return tuple(sorted(bound for bound, _ in self.by_bound if bound != float("inf")))


class _Group(NamedTuple):
    scope: Scope
    attributes: Attributes
    parts: _Parts


def _add_grouped(metric: Metric, builder: BatchBuilder) -> None:
    for scope, attributes, parts in _groups(metric):
        time = builder.time if parts.time is None else parts.time
        exemplars = tuple(to_exemplar(exemplar, time) for exemplar in parts.exemplars)
        kind = Kind.SUMMARY if metric.type == "summary" else Kind.HISTOGRAM
        if parts.native is not None:
            native_kind = kind_of(parts.native)
            if native_kind is None:
                builder.left_out += 1
                continue
            own = parts.native.nh_exemplars or ()
            exemplars += tuple(to_exemplar(exemplar, time) for exemplar in own)
            point: Any = native_point(parts.native, attributes, parts.created, time, exemplars)
            kind = native_kind
        elif parts.count is None:
            builder.left_out += 1
            continue
        elif kind is Kind.SUMMARY:
            point = _summary(parts, attributes, time)
        else:
            point = _histogram(parts, attributes, time, exemplars)
        builder.points(scope, _description(metric, metric.name, kind)).append(point)


def _groups(metric: Metric) -> Iterator[_Group]:
    groups: dict[tuple[Scope, Attributes], _Parts] = {}
    label = _GROUPED[metric.type]
    for sample in metric.samples:
        key = split_labels(sample.labels, label)
        parts = groups.get(key)
        if parts is None:
            parts = groups[key] = _Parts()
        _add_sample(parts, sample, sample.name.removeprefix(metric.name), label)
    for (scope, attributes), parts in groups.items():
        yield _Group(scope, attributes, parts)


def _add_sample(parts: _Parts, sample: Any, suffix: str, label: str) -> None:
    if suffix == "_created":
        parts.created = nanoseconds(sample.value)
        return
    if sample.timestamp is not None:
        parts.time = nanoseconds(sample.timestamp)
    if sample.exemplar:
        parts.exemplars.append(sample.exemplar)
    # Older releases of prometheus_client do not have this attribute.
    native = getattr(sample, "native_histogram", None)
    if native is not None:
        parts.native = native
    elif suffix == "_count":
        parts.count = float(sample.value)
    elif suffix == "_sum":
        parts.total = float(sample.value)
    elif label in sample.labels:
        parts.by_bound.append((float(sample.labels[label]), float(sample.value)))


def _summary(parts: _Parts, attributes: Attributes, time: int) -> Point:
    count, total = parts.count or 0.0, parts.total or 0.0
    if is_stale(count) or is_stale(total):
        return stale_point(Kind.SUMMARY, attributes, parts.created, time, parts.bounds())
    quantiles = tuple(sorted(parts.by_bound))
    return SummaryPoint(attributes, parts.created, time, checked_count(count), total, quantiles)


def _histogram(
    parts: _Parts, attributes: Attributes, time: int, exemplars: tuple[Exemplar, ...]
) -> Point:
    count = parts.count or 0.0
    if is_stale(count) or (parts.total is not None and is_stale(parts.total)):
        return stale_point(Kind.HISTOGRAM, attributes, parts.created, time, parts.bounds())
    total = checked_count(count)
    boundaries, counts, below = [], [], 0
    for bound, cumulative in sorted(parts.by_bound):
        # Buckets that are read while others count may be inconsistent by a few measurements.
        until = max(below, int(cumulative))
        if bound == float("inf"):
            total = until
        else:
            boundaries.append(bound)
            counts.append(until - below)
            below = until
    counts.append(max(0, total - below))
    return HistogramPoint(
        attributes,
        parts.created,
        time,
        checked_count(sum(counts)),
        parts.total,
        tuple(counts),
        tuple(boundaries),
        exemplars,
    )
