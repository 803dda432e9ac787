"""Converts metrics of any prometheus_client collector to families.

prometheus_client returns flat lists of samples, each with a name and labels. Here they become
points again: the buckets, count and sum of one histogram, or a counter and its creation time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from operator import attrgetter

from prometheus_client.core import Metric, Sample

from vitalspan.exposition.client_histogram import (
    ClientHistogram,
    exemplar_of,
    native_of,
    seconds_of,
)
from vitalspan.exposition.families import (
    HistogramFamily,
    MetricFamily,
    ScalarFamily,
    SummaryFamily,
)
from vitalspan.exposition.points import LabelSet, SummaryPoint
from vitalspan.labels import Labels
from vitalspan.metrics import SAMPLE_ENDINGS, Family


def client_families(metrics: Iterable[Metric]) -> Iterator[MetricFamily]:
    """Yield the families of a collector's metrics.

    A sample whose name does not match the type of its metric is still shown, in a family of unknown
    type.

    Raises:
        ValueError: for a bucket whose bound is not a number.
    """
    for metric in metrics:
        known, strange = _split(metric)
        yield _family(metric, known)
        for name, samples in strange.items():
            metadata = Family(name, "unknown", metric.documentation)
            yield _scalar_family(metadata, samples, {})


Point = tuple[Labels, float | None]
"""The labels of a point, sorted by name, and its timestamp in seconds since the epoch."""

_Samples = dict[str, list[Sample]]


def _split(metric: Metric) -> tuple[_Samples, _Samples]:
    """Return the samples by the suffix of their names, and those with other names by name."""
    endings = SAMPLE_ENDINGS[metric.type]
    known: _Samples = {}
    strange: _Samples = {}
    for sample in metric.samples:
        ending = sample.name.removeprefix(metric.name)
        if ending in endings and sample.name == metric.name + ending:
            known.setdefault(ending, []).append(sample)
        else:
            strange.setdefault(sample.name, []).append(sample)
    return known, strange


def _family(metric: Metric, samples: _Samples) -> MetricFamily:
    metadata = Family(metric.name, metric.type, metric.documentation, metric.unit)
    created = {_point(sample): float(sample.value) for sample in samples.get("_created", ())}
    if metric.type == "summary":
        return _summary_family(metadata, samples, created)
    if metric.type in ("histogram", "gaugehistogram"):
        return _histogram_family(metadata, samples, created)
    ending = SAMPLE_ENDINGS[metric.type][0]
    metadata = metadata._replace(name=metric.name + ending)
    return _scalar_family(metadata, samples.get(ending, ()), created)


def _scalar_family(
    metadata: Family, samples: Iterable[Sample], created: Mapping[Point, float]
) -> ScalarFamily:
    samples = list(samples)
    points = [_point(sample) for sample in samples]
    exemplars = [exemplar_of(sample.exemplar) for sample in samples]
    return ScalarFamily(
        metadata,
        [LabelSet(labels) for labels, _ in points],
        [float(sample.value) for sample in samples],
        timestamps=_column([time for _, time in points]),
        created=_column([created.get(point) for point in points]),
        exemplars=exemplars if any(exemplars) else (),
    )


def _summary_family(
    metadata: Family, samples: _Samples, created: Mapping[Point, float]
) -> SummaryFamily:
    counts, sums = _by_point(samples, "_count"), _by_point(samples, "_sum")
    quantiles: dict[Point, list[tuple[float, float]]] = {}
    for sample in samples.get("", ()):
        quantile = float(sample.labels["quantile"])
        quantiles.setdefault(_point(sample, "quantile"), []).append((quantile, sample.value))
    points = list({**quantiles, **counts, **sums})
    return SummaryFamily(
        metadata,
        [
            SummaryPoint(
                LabelSet(point[0]),
                counts.get(point),
                sums.get(point),
                tuple(quantiles.get(point, ())),
            )
            for point in points
        ],
        timestamps=_column([time for _, time in points]),
        created=_column([created.get(point) for point in points]),
    )


def _histogram_family(
    metadata: Family, samples: _Samples, created: Mapping[Point, float]
) -> HistogramFamily:
    counts, sums = (_by_point(samples, ending) for ending in SAMPLE_ENDINGS[metadata.type][2:4])
    buckets: dict[Point, list[tuple[float, Sample]]] = {}
    for sample in samples.get("_bucket", ()):
        bound = float(sample.labels["le"])
        buckets.setdefault(_point(sample, "le"), []).append((bound, sample))
    natives = {_point(sample): native_of(sample) for sample in samples.get("", ())}
    points = list({**buckets, **natives, **counts, **sums})
    histograms = [
        ClientHistogram(
            point[0],
            sorted(buckets.get(point, ()), key=lambda bucket: bucket[0]),
            counts.get(point),
            sums.get(point),
            natives.get(point),
        )
        for point in points
    ]
    return HistogramFamily(
        metadata,
        histograms,
        attrgetter("exemplars"),
        native=attrgetter("native"),
        timestamps=_column([time for _, time in points]),
        created=_column([created.get(point) for point in points]),
    )


def _by_point(samples: _Samples, ending: str) -> dict[Point, float]:
    return {_point(sample): float(sample.value) for sample in samples.get(ending, ())}


def _point(sample: Sample, without: str = "") -> Point:
    labels = sorted(pair for pair in sample.labels.items() if pair[0] != without)
    return tuple(labels), seconds_of(sample.timestamp)


def _column(values: list[float | None]) -> list[float | None]:
    """Return the values of points, or an empty list if all are None."""
    return values if any(value is not None for value in values) else []
