"""Parses expositions in the protobuf format of Prometheus.

The messages are length-delimited `io.prometheus.client` messages. They have what text lacks: native
histograms and the creation times of series.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, TypeVar

from vitalspan.bridge.otlp.scraped_metric import (
    Labels,
    Moment,
    ScrapedExemplar,
    ScrapedHistogram,
    ScrapedMetric,
    ScrapedSample,
    Span,
)
from vitalspan.bridge.protobuf_reader import read_fields, read_varint

CONTENT_TYPE: Final = "application/vnd.google.protobuf"

_TYPES: Final = ("counter", "gauge", "summary", "unknown", "histogram", "gaugehistogram")
"""The types, indexed by their enumeration numbers."""

_FLOATS: Final = frozenset({4, 8, 11, 14})
"""The fields of a histogram with float counts, which are used instead of the integer ones."""

_TIMESTAMP, _SUMMARY, _HISTOGRAM = 6, 4, 7
_SCALARS: Final = (2, 3, 5)
"""The fields of a metric with the values of gauges, counters and untyped ones."""

Value = int | bytes
Fields = Mapping[int, Sequence[Value]]
"""The values of a message by field number, in the order of the message."""

T = TypeVar("T")


def parse_families(data: bytes) -> Iterator[ScrapedMetric]:
    """Yield the metrics of an exposition.

    Args:
        data: length-delimited messages of the type `MetricFamily`.

    Raises:
        ValueError: for data that is not an exposition.
    """
    position = 0
    while position < len(data):
        length, position = read_varint(data, position)
        if position + length > len(data):
            raise ValueError("it ends in the middle of a metric")
        yield _family(data[position : position + length])
        position += length


def _fields(data: bytes) -> Fields:
    fields: dict[int, list[Value]] = {}
    for number, value in read_fields(data):
        fields.setdefault(number, []).append(value)
    return fields


def _last(fields: Fields, number: int, read: Callable[[Value], T], default: T) -> T:
    """Return the last value of a field, as Protocol Buffers demand."""
    return read(fields[number][-1]) if number in fields else default


def _family(data: bytes) -> ScrapedMetric:
    fields = _fields(data)
    name, help_, unit = (_last(fields, number, _text, "") for number in (1, 2, 5))
    number = _last(fields, 3, _whole, 0)
    type_ = _TYPES[number] if number < len(_TYPES) else "unknown"
    if not name:
        raise ValueError("a metric has no name")
    samples = [sample for metric in fields.get(4, ()) for sample in _samples(name, _bytes(metric))]
    return ScrapedMetric(name, help_, type_, unit, samples)


def _samples(name: str, data: bytes) -> Iterator[ScrapedSample]:
    fields = _fields(data)
    labels, time = _labels(fields), _last(fields, _TIMESTAMP, _milliseconds, None)
    for number, values in fields.items():
        for part in values:
            if number == _HISTOGRAM:
                yield from _histogram(name, labels, time, _fields(_bytes(part)))
            elif number == _SUMMARY:
                yield from _summary(name, labels, time, _fields(_bytes(part)))
            elif number in _SCALARS:
                yield from _scalar(name, labels, time, _fields(_bytes(part)))


def _scalar(
    name: str, labels: Labels, time: Moment | None, fields: Fields
) -> Iterator[ScrapedSample]:
    yield from _created(name, labels, fields, 3)
    exemplar = _last(fields, 2, _exemplar, None)
    yield ScrapedSample(name, labels, _last(fields, 1, _double, 0.0), time, exemplar)


def _summary(
    name: str, labels: Labels, time: Moment | None, fields: Fields
) -> Iterator[ScrapedSample]:
    if 1 in fields:
        count = float(_whole(fields[1][-1]))
        yield ScrapedSample(f"{name}_count", labels, count, time)
    if 2 in fields:
        yield ScrapedSample(f"{name}_sum", labels, _double(fields[2][-1]), time)
    for value in fields.get(3, ()):
        both = _fields(_bytes(value))
        quantile, amount = (_last(both, number, _double, 0.0) for number in (1, 2))
        yield ScrapedSample(name, {**labels, "quantile": repr(quantile)}, amount, time)
    yield from _created(name, labels, fields, 4)


def _histogram(
    name: str, labels: Labels, time: Moment | None, fields: Fields
) -> Iterator[ScrapedSample]:
    native = _native(fields)
    if native is not None:
        yield ScrapedSample(name, labels, 0.0, time, None, native)
    if 1 in fields or 4 in fields:
        yield ScrapedSample(f"{name}_count", labels, _count(fields, 1, 4), time)
    if 2 in fields:
        yield ScrapedSample(f"{name}_sum", labels, _double(fields[2][-1]), time)
    for value in fields.get(3, ()):
        bucket = _fields(_bytes(value))
        # The native histogram has the same exemplars, and more.
        has_own = native is None or not native.nh_exemplars
        exemplar = _last(bucket, 3, _exemplar, None) if has_own else None
        at = {**labels, "le": repr(_last(bucket, 2, _double, 0.0))}
        yield ScrapedSample(f"{name}_bucket", at, _count(bucket, 1, 4), time, exemplar)
    yield from _created(name, labels, fields, 15)


def _native(fields: Fields) -> ScrapedHistogram | None:
    """Return the native histogram of a message; None if it is only a classic one.

    A native one has spans or a zero bucket, as in Prometheus.
    """
    zero_threshold = _last(fields, 6, _double, 0.0)
    zero_count = float(_whole(fields[7][-1])) if 7 in fields else _last(fields, 8, _double, 0.0)
    if not (9 in fields or 12 in fields or zero_threshold > 0 or zero_count > 0):
        return None
    exemplars = (_exemplar(value) for value in fields.get(16, ()))
    return ScrapedHistogram(
        float(_whole(fields[1][-1])) if 1 in fields else _last(fields, 4, _double, 0.0),
        _last(fields, 2, _double, 0.0),
        _last(fields, 5, _zigzag, 0),
        zero_threshold,
        zero_count,
        [_span(_fields(_bytes(value))) for value in fields.get(12, ())],
        list(_deltas(fields.get(13, ()))),
        [_span(_fields(_bytes(value))) for value in fields.get(9, ())],
        list(_deltas(fields.get(10, ()))),
        [exemplar for exemplar in exemplars if exemplar.timestamp is not None],
        counts_are_floats=not _FLOATS.isdisjoint(fields),
    )


def _count(fields: Fields, whole: int, fraction: int) -> float:
    """Return a count, which is a float in one field or an integer in another."""
    if fraction in fields:
        return _double(fields[fraction][-1])
    return float(_last(fields, whole, _whole, 0))


def _created(name: str, labels: Labels, fields: Fields, number: int) -> Iterator[ScrapedSample]:
    if number in fields:
        yield ScrapedSample(f"{name}_created", labels, _moment(fields[number][-1]))


def _span(fields: Fields) -> Span:
    return Span(_last(fields, 1, _zigzag, 0), _last(fields, 2, _whole, 0))


def _deltas(values: Sequence[Value]) -> Iterator[int]:
    """Yield the numbers of a field, which may be packed."""
    for value in values:
        if isinstance(value, int):
            yield _zigzag(value)
            continue
        position = 0
        while position < len(value):
            delta, position = read_varint(value, position)
            yield _zigzag(delta)


def _exemplar(value: Value) -> ScrapedExemplar:
    fields = _fields(_bytes(value))
    time = _last(fields, 3, _moment, None)
    return ScrapedExemplar(_labels(fields), _last(fields, 2, _double, 0.0), time)


def _labels(fields: Fields) -> Labels:
    pairs = (_fields(_bytes(pair)) for pair in fields.get(1, ()))
    return {_last(pair, 1, _text, ""): _last(pair, 2, _text, "") for pair in pairs}


def _moment(value: Value) -> Moment:
    fields = _fields(_bytes(value))
    return Moment(_last(fields, 1, _signed, 0), _last(fields, 2, _signed, 0))


def _milliseconds(value: Value) -> Moment:
    milliseconds = _signed(value)
    return Moment(milliseconds // 1000, milliseconds % 1000 * 1_000_000)


def _whole(value: Value) -> int:
    if isinstance(value, int):
        return value
    raise ValueError("a field has another type than it should")


def _bytes(value: Value) -> bytes:
    if isinstance(value, bytes):
        return value
    raise ValueError("a field has another type than it should")


def _text(value: Value) -> str:
    return _bytes(value).decode("utf-8")


def _double(value: Value) -> float:
    data = _bytes(value)
    if len(data) != 8:
        raise ValueError("a field has another type than it should")
    number: float = struct.unpack("<d", data)[0]
    return number


def _signed(value: Value) -> int:
    number = _whole(value)
    return number - (1 << 64) if number >> 63 else number


def _zigzag(value: Value) -> int:
    number = _whole(value)
    return (number >> 1) ^ -(number & 1)
