"""Converts points of OpenTelemetry's SDK: histograms and exemplars."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Any, Final, NamedTuple

from vitalspan.bridge.otel_names import TranslationStrategy, attribute_text, label_name
from vitalspan.exposition.native_histogram import BucketSpans, NativeHistogram
from vitalspan.exposition.points import Exemplar, LabelSet

SCHEMAS: Final = range(-4, 9)
"""The scales of exponential histograms that Prometheus supports."""

_ZERO_THRESHOLD: Final = 1e-128
"""The greatest value of the zero bucket, according to the compatibility document."""

_CLASSIC_BOUNDARIES: Final = tuple(2.0**exponent for exponent in range(-14, 18))
"""The boundaries of exponential histograms in text: 61 microseconds to a day and a half, if they
measure seconds. They are boundaries at every scale from 0 on, so their counts are exact."""

_MOST_CHARACTERS: Final = 128
"""The maximum total length of an exemplar's label names and values in OpenMetrics."""


class Boundaries(NamedTuple):
    """The upper bounds of buckets."""

    boundaries: tuple[float, ...]


@lru_cache(maxsize=256)
def _boundaries(boundaries: tuple[float, ...]) -> Boundaries:
    return Boundaries(boundaries)


class Counts(NamedTuple):
    """The counts of a histogram."""

    grid: Boundaries
    counts: tuple[float, ...]
    total: float | None
    native: NativeHistogram | None = None

    def cumulative(self) -> tuple[float, ...]:
        """Return the number of observations up to each boundary; the last one is their total."""
        return tuple(accumulate(self.counts))


class OtelHistogram(NamedTuple):
    """A histogram with its labels and its exemplars."""

    labels: LabelSet
    histogram: Counts
    exemplars: Mapping[int, Exemplar]

    @property
    def text(self) -> str:
        """The labels in the syntax of the text formats, without braces."""
        return self.labels.text

    def all_labels(self) -> dict[str, str]:
        """Return the labels by name."""
        return self.labels.all_labels()


def exemplars_in(point: Any) -> Sequence[Any]:
    """Return the exemplars of an SDK point, which older releases do not have."""
    return getattr(point, "exemplars", None) or ()


def classic_histogram(point: Any, labels: LabelSet, strategy: TranslationStrategy) -> OtelHistogram:
    """Return a histogram with explicit boundaries."""
    grid = _boundaries(tuple(map(float, point.explicit_bounds)))
    counts = tuple(point.bucket_counts) or (point.count,)
    histogram = Counts(grid, counts, None if point.sum is None else float(point.sum))
    exemplars = _by_bucket(exemplars_in(point), grid.boundaries, strategy)
    return OtelHistogram(labels, histogram, exemplars)


def exponential_histogram(
    point: Any, labels: LabelSet, strategy: TranslationStrategy
) -> OtelHistogram | None:
    """Return an exponential histogram; None if Prometheus has no buckets that wide.

    In text it has fixed boundaries.
    """
    if point.scale < SCHEMAS[0] or point.sum is None:
        return None
    schema = min(point.scale, SCHEMAS[-1])
    shift = point.scale - schema
    positive = _downscaled(point.positive, shift)
    negative = _downscaled(point.negative, shift)
    native = NativeHistogram(
        point.count,
        float(point.sum),
        schema,
        getattr(point, "zero_threshold", None) or _ZERO_THRESHOLD,
        point.zero_count,
        _spans(positive),
        _spans(negative),
    )
    below = point.zero_count + sum(negative.values())
    counts = [below] + [0] * len(_CLASSIC_BOUNDARIES)
    width = 2.0**-schema
    for index, count in positive.items():
        exponent = (index + 1) * width
        counts[bisect_left(_EXPONENTS, exponent)] += count
    grid = _boundaries(_CLASSIC_BOUNDARIES)
    histogram = Counts(grid, tuple(counts), float(point.sum), native)
    exemplars = _by_bucket(exemplars_in(point), grid.boundaries, strategy)
    return OtelHistogram(labels, histogram, exemplars)


_EXPONENTS: Final = range(-14, 18)


def _downscaled(buckets: Any, shift: int) -> dict[int, int]:
    """Return counts by index; each step of the scale merges pairs of buckets."""
    counts: dict[int, int] = {}
    for index, count in enumerate(buckets.bucket_counts, buckets.offset):
        if count:
            counts[index >> shift] = counts.get(index >> shift, 0) + count
    return counts


def _spans(counts: Mapping[int, int]) -> BucketSpans:
    if not counts:
        return BucketSpans()
    first, last = min(counts), max(counts)
    # Prometheus numbers a bucket by its upper boundary, OpenTelemetry by its lower one.
    return BucketSpans.of(first + 1, (counts.get(index, 0) for index in range(first, last + 1)))


def _by_bucket(
    exemplars: Iterable[Any], boundaries: tuple[float, ...], strategy: TranslationStrategy
) -> dict[int, Exemplar]:
    """Return the latest exemplar of each bucket."""
    latest: dict[int, Any] = {}
    for one in exemplars:
        bucket = bisect_left(boundaries, one.value)
        if bucket not in latest or latest[bucket].time_unix_nano <= one.time_unix_nano:
            latest[bucket] = one
    return {bucket: to_exemplar(one, strategy) for bucket, one in latest.items()}


def latest_exemplar(exemplars: Sequence[Any], strategy: TranslationStrategy) -> Exemplar | None:
    """Return the latest exemplar."""
    if not exemplars:
        return None
    return to_exemplar(max(exemplars, key=lambda one: one.time_unix_nano), strategy)


def to_exemplar(exemplar: Any, strategy: TranslationStrategy) -> Exemplar:
    """Return an exemplar, with as many of its attributes as fit into OpenMetrics."""
    labels = {}
    if exemplar.trace_id:
        labels["trace_id"] = f"{exemplar.trace_id:032x}"
    if exemplar.span_id:
        labels["span_id"] = f"{exemplar.span_id:016x}"
    used = sum(len(name) + len(value) for name, value in labels.items())
    for key, value in sorted((exemplar.filtered_attributes or {}).items()):
        name, text = label_name(key, strategy), attribute_text(value)
        size = len(name) + len(text)
        if name not in labels and used + size <= _MOST_CHARACTERS:
            labels[name] = text
            used += size
    return Exemplar(labels, float(exemplar.value), exemplar.time_unix_nano / 1e9)
