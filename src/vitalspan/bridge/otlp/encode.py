"""Encodes OpenTelemetry's protocol messages, from data points to requests.

The field numbers are those of `opentelemetry/proto/metrics/v1/metrics.proto` and its imports.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from vitalspan.bridge.otlp.model import (
    Attributes,
    Buckets,
    Description,
    Exemplar,
    ExponentialPoint,
    HistogramPoint,
    Kind,
    NumberPoint,
    Point,
    Scope,
    SummaryPoint,
)
from vitalspan.exposition.protobuf_wire import (
    LENGTH,
    double,
    fixed64,
    key,
    message,
    packed_double,
    packed_fixed64,
    packed_uint,
    sint,
    string,
    uint,
    varint,
)

_CUMULATIVE: Final = 2
_NO_RECORDED_VALUE: Final = 1

_start_and_time: Final = struct.Struct("<BQBQ").pack
_time: Final = struct.Struct("<BQ").pack
_number_fields: Final = struct.Struct("<BQBQBd").pack
_START_KEY, _TIME_KEY, _DOUBLE_KEY = (number << 3 | 1 for number in (2, 3, 4))


@lru_cache(maxsize=65536)
def _encoded(field: int, attributes: Attributes) -> bytes:
    """Return attributes as repeated fields; cached, because series keep their attributes."""
    return b"".join(
        message(field, string(1, name) + message(2, string(1, value))) for name, value in attributes
    )


@lru_cache(maxsize=256)
def _boundaries(boundaries: tuple[float, ...]) -> bytes:
    return packed_double(7, boundaries) if boundaries else b""


def _times(point: Point) -> bytes:
    if point.start:
        return _start_and_time(_START_KEY, point.start, _TIME_KEY, point.time)
    return _time(_TIME_KEY, point.time)


def _exemplars(field: int, exemplars: Iterable[Exemplar]) -> bytes:
    return b"".join(
        message(
            field,
            fixed64(2, one.time)
            + double(3, one.value)
            + (message(4, one.span_id) if one.span_id else b"")
            + (message(5, one.trace_id) if one.trace_id else b"")
            + _encoded(7, one.attributes),
        )
        for one in exemplars
    )


def _number(point: NumberPoint) -> bytes:
    attributes, start, time, value, exemplars, stale = point
    if stale:
        return _encoded(7, attributes) + _times(point) + uint(8, _NO_RECORDED_VALUE)
    # Most points are of this kind, so their fields are encoded at once. A start of 0 is unset.
    encoded = _encoded(7, attributes) + _number_fields(
        _START_KEY, start, _TIME_KEY, time, _DOUBLE_KEY, value
    )
    return encoded + _exemplars(5, exemplars) if exemplars else encoded


def _histogram(point: HistogramPoint) -> bytes:
    head = _encoded(9, point.attributes) + _times(point)
    if point.stale:
        buckets = packed_fixed64(6, point.counts) + _boundaries(point.boundaries)
        return head + buckets + uint(10, _NO_RECORDED_VALUE)
    parts = [
        head,
        fixed64(4, point.observations),
        b"" if point.total is None else double(5, point.total),
        packed_fixed64(6, point.counts),
        _boundaries(point.boundaries),
    ]
    if point.exemplars:
        parts.append(_exemplars(8, point.exemplars))
    return b"".join(parts)


def _buckets(field: int, buckets: Buckets) -> bytes:
    if not buckets.counts:
        return b""
    return message(field, sint(1, buckets.offset) + packed_uint(2, buckets.counts))


def _exponential(point: ExponentialPoint) -> bytes:
    head = _encoded(1, point.attributes) + _times(point)
    if point.stale:
        return head + uint(10, _NO_RECORDED_VALUE)
    return b"".join(
        (
            head,
            fixed64(4, point.observations),
            b"" if point.total is None else double(5, point.total),
            sint(6, point.scale),
            fixed64(7, point.zero_count),
            _buckets(8, point.positive),
            _buckets(9, point.negative),
            _exemplars(11, point.exemplars),
            double(14, point.zero_threshold),
        )
    )


def _summary(point: SummaryPoint) -> bytes:
    head = _encoded(7, point.attributes) + _times(point)
    quantiles = [
        message(6, double(1, quantile) + double(2, value)) for quantile, value in point.quantiles
    ]
    if point.stale:
        return b"".join((head, *quantiles, uint(8, _NO_RECORDED_VALUE)))
    return b"".join((head, fixed64(4, point.observations), double(5, point.total), *quantiles))


_ENCODERS: Final[dict[Kind, Callable[[Any], bytes]]] = {
    Kind.GAUGE: _number,
    Kind.COUNTER: _number,
    Kind.SUM: _number,
    Kind.HISTOGRAM: _histogram,
    Kind.EXPONENTIAL_HISTOGRAM: _exponential,
    Kind.SUMMARY: _summary,
}


def encode_points(kind: Kind, points: Iterable[Point]) -> list[bytes]:
    """Return each point as an encoded field of its metric's data."""
    encode = _ENCODERS[kind]
    encoded = map(encode, points)
    return [_point_head(len(content)) + content for content in encoded]


@lru_cache(maxsize=4096)
def _point_head(length: int) -> bytes:
    """Return the bytes before a point's message within its metric."""
    return key(1, LENGTH) + varint(length)


@lru_cache(maxsize=4096)
def _head(description: Description) -> bytes:
    metadata = string(1, "prometheus.type") + message(2, string(1, description.type))
    return (
        string(1, description.name)
        + string(2, description.description)
        + string(3, description.unit)
        + message(12, metadata)
    )


@lru_cache(maxsize=16)
def _tail(kind: Kind) -> bytes:
    if kind in (Kind.GAUGE, Kind.SUMMARY):
        return b""
    return uint(2, _CUMULATIVE) + (uint(3, 1) if kind is Kind.COUNTER else b"")


def encode_metric(description: Description, points: Iterable[bytes]) -> bytes:
    """Return a metric as an encoded field of a scope."""
    data = b"".join(points) + _tail(description.kind)
    return message(2, _head(description) + message(description.kind.field, data))


def size_of_head(description: Description) -> int:
    """Return the approximate size of a metric in bytes without its points."""
    return len(_head(description)) + 32


def encode_scope(scope: Scope, metrics: Iterable[bytes]) -> bytes:
    """Return a scope with its metrics as an encoded field of a resource."""
    own = string(1, scope.name) + string(2, scope.version) + _encoded(3, scope.attributes)
    url = string(3, scope.schema_url) if scope.schema_url else b""
    return message(2, message(1, own) + b"".join(metrics) + url)


def encode_request(resource: Mapping[str, str | int], scopes: Iterable[bytes]) -> bytes:
    """Return an `ExportMetricsServiceRequest` with one resource."""
    attributes = (
        message(1, string(1, name) + message(2, _any_value(value)))
        for name, value in sorted(resource.items())
    )
    return message(1, message(1, b"".join(attributes)) + b"".join(scopes))


def _any_value(value: str | int) -> bytes:
    return uint(3, value) if isinstance(value, int) else string(1, value)
