"""Converts native histograms of Prometheus to OpenTelemetry's histograms.

The rules are those of OpenTelemetry's Prometheus compatibility document, "Native Histograms".
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final

from vitalspan.bridge.otlp.model import (
    Attributes,
    Buckets,
    Exemplar,
    ExponentialPoint,
    HistogramPoint,
    Kind,
    Point,
)

CUSTOM_BUCKETS: Final = -53
"""The schema of histograms with custom boundaries."""

_SCHEMAS: Final = range(-4, 9)
_STALE: Final = struct.pack("<Q", 0x7FF0000000000002)
_MAX_EXPONENT: Final = 1024

_MOST_BUCKETS: Final = 2200 << 8
"""More than there are floats for, at the highest schema: from 2^-1074 to 2^1024."""


def is_stale(value: float) -> bool:
    """Return whether a value is the NaN with which Prometheus marks series as stale."""
    return value != value and struct.pack("<d", value) == _STALE  # noqa: PLR0124 - NaN alone differs from itself


def checked_count(count: float) -> int:
    """Return a count as an integer.

    Raises:
        ValueError: for an invalid count, or one that is too large for OTLP.
    """
    if not 0 <= count < 1 << 64:
        raise ValueError(f"{count!r:.80} is not a valid count")
    return int(count)


def kind_of(histogram: Any) -> Kind | None:
    """Return the kind of a native histogram's point; None if it has to be left out.

    Only integer counts with standard schemas or custom boundaries can be represented.
    """
    if getattr(histogram, "counts_are_floats", False):
        return None
    counts = (histogram.count_value, histogram.zero_count)
    if not is_stale(histogram.sum_value) and not all(float(count).is_integer() for count in counts):
        return None
    if histogram.schema in _SCHEMAS:
        return Kind.EXPONENTIAL_HISTOGRAM
    has_boundaries = histogram.schema == CUSTOM_BUCKETS and hasattr(histogram, "custom_values")
    return Kind.HISTOGRAM if has_boundaries else None


def native_point(
    histogram: Any,
    attributes: Attributes,
    start: int,
    time: int,
    exemplars: tuple[Exemplar, ...],
) -> Point:
    """Return the data point of a native histogram.

    Args:
        histogram: a native histogram of prometheus_client; with the schema of custom buckets,
            `custom_values` are its boundaries.
        attributes: the attributes of the point.
        start: when counting began; 0 if that is unknown.
        time: the time of the reading.
        exemplars: the exemplars of the point.
    """
    if histogram.schema == CUSTOM_BUCKETS:
        return _with_custom_buckets(histogram, attributes, start, time, exemplars)
    if is_stale(histogram.sum_value):
        return ExponentialPoint(attributes, start, time, stale=True)
    return exponential_point(
        ExponentialPoint(attributes, start, time, exemplars=exemplars),
        histogram.schema,
        total=float(histogram.sum_value),
        zero=(float(histogram.zero_threshold), checked_count(histogram.zero_count)),
        positive=_sparse(histogram.pos_spans, histogram.pos_deltas),
        negative=_sparse(histogram.neg_spans, histogram.neg_deltas),
    )


def exponential_point(
    point: ExponentialPoint,
    schema: int,
    *,
    total: float | None,
    zero: tuple[float, int],
    positive: Mapping[int, float],
    negative: Mapping[int, float],
) -> ExponentialPoint:
    """Return a data point with the counts of a native histogram.

    Its count is that of all buckets except the one of infinity, which OpenTelemetry lacks.

    Args:
        point: the point with the attributes, the times and the exemplars.
        schema: the schema of the buckets, -4 to 8.
        total: the sum of the measurements, or None.
        zero: the threshold and the count of the zero bucket.
        positive: the counts of the buckets above 0 by Prometheus' index.
        negative: the counts of the buckets below 0.
    """
    above, below = _dense(positive, schema), _dense(negative, schema)
    return point._replace(
        observations=checked_count(zero[1] + sum(above.counts) + sum(below.counts)),
        total=total,
        scale=schema,
        zero_threshold=zero[0],
        zero_count=zero[1],
        positive=above,
        negative=below,
    )


def _with_custom_buckets(
    histogram: Any,
    attributes: Attributes,
    start: int,
    time: int,
    exemplars: tuple[Exemplar, ...],
) -> HistogramPoint:
    if is_stale(histogram.sum_value):
        return HistogramPoint(attributes, start, time, stale=True)
    boundaries = tuple(map(float, histogram.custom_values))
    counts = [0] * (len(boundaries) + 1)
    for index, count in _sparse(histogram.pos_spans, histogram.pos_deltas).items():
        counts[index] = count
    total = float(histogram.sum_value)
    return HistogramPoint(
        attributes,
        start,
        time,
        checked_count(sum(counts)),
        total,
        tuple(counts),
        boundaries,
        exemplars,
    )


def _sparse(spans: Sequence[Any] | None, deltas: Sequence[int] | None) -> dict[int, int]:
    """Return the counts by bucket index."""
    counts: dict[int, int] = {}
    index, count = 0, 0
    remaining = iter(deltas or ())
    for span in spans or ():
        index += span.offset
        for _ in range(span.length):
            count += int(next(remaining))
            counts[index] = checked_count(count)
            index += 1
    return counts


def _dense(counts: Mapping[int, float], schema: int) -> Buckets:
    # This is the index of the bucket with the greatest float; the next one is the overflow bucket.
    last = _MAX_EXPONENT << schema if schema >= 0 else _MAX_EXPONENT >> -schema
    by_index = {index: int(count) for index, count in counts.items() if index <= last}
    if not by_index:
        return Buckets()
    first, final = min(by_index), max(by_index)
    if final - first >= _MOST_BUCKETS:
        raise ValueError(f"a native histogram cannot have buckets from {first} to {final}")
    # Prometheus numbers a bucket by its upper boundary, OpenTelemetry by its lower one.
    return Buckets(first - 1, tuple(by_index.get(index, 0) for index in range(first, final + 1)))
