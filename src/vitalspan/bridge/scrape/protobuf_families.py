"""Expositions of metrics in Prometheus's protobuf format, as metrics again.

The messages are those of `io.prometheus.client`, each with its length before it. They have what
text cannot say: native histograms, and when each series began to count.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from vitalspan.bridge.otlp.protobuf_reader import read_fields, read_varint
from vitalspan.bridge.scrape.scraped_metric import (
    Labels,
    Moment,
    ScrapedExemplar,
    ScrapedHistogram,
    ScrapedMetric,
    ScrapedSample,
    Span,
)

CONTENT_TYPE: Final = "application/vnd.google.protobuf"

_TYPES: Final = ("counter", "gauge", "summary", "unknown", "histogram", "gaugehistogram")
"""Types by their numbers in the enumeration."""

_FLOATS: Final = frozenset({4, 8, 11, 14})
"""Fields of a histogram whose counts are floats: they come in place of those of whole numbers."""

_GAUGE, _COUNTER, _SUMMARY, _UNTYPED, _TIMESTAMP, _HISTOGRAM = 2, 3, 4, 5, 6, 7

Value = int | bytes


def parse_families(data: bytes) -> Iterator[ScrapedMetric]:
    """Yield the metrics of an exposition.

    Args:
        data: messages of the type `MetricFamily`, each with its length before it as a varint.

    Raises:
        ValueError: for what is no exposition.
    """
    position = 0
    while position < len(data):
        length, position = read_varint(data, position)
        if position + length > len(data):
            raise ValueError("it ends in the middle of a metric")
        yield _family(data[position : position + length])
        position += length


def _family(data: bytes) -> ScrapedMetric:
    texts = {1: "", 2: "", 5: ""}
    number, metrics = 0, list[bytes]()
    for field, value in read_fields(data):
        if field in texts:
            texts[field] = _text(value)
        elif field == 3:
            number = _whole(value)
        elif field == 4:
            metrics.append(_bytes(value))
    name, type_ = texts[1], _TYPES[number] if number < len(_TYPES) else "unknown"
    if not name:
        raise ValueError("a metric has no name")
    samples = [sample for metric in metrics for sample in _samples(name, metric)]
    return ScrapedMetric(name, texts[2], type_, texts[5], samples)


def _samples(name: str, data: bytes) -> Iterator[ScrapedSample]:
    labels: dict[str, str] = {}
    time, parts = None, list[tuple[int, bytes]]()
    for field, value in read_fields(data):
        if field == 1:
            label, text = _pair(_bytes(value))
            labels[label] = text
        elif field == _TIMESTAMP:
            milliseconds = _signed(_whole(value))
            time = Moment(milliseconds // 1000, milliseconds % 1000 * 1_000_000)
        elif field in (_GAUGE, _COUNTER, _SUMMARY, _UNTYPED, _HISTOGRAM):
            parts.append((field, _bytes(value)))
    for field, part in parts:
        if field == _HISTOGRAM:
            yield from _histogram(name, labels, time, part)
        elif field == _SUMMARY:
            yield from _summary(name, labels, time, part)
        else:
            yield from _scalar(name, labels, time, part)


def _scalar(name: str, labels: Labels, time: Moment | None, data: bytes) -> Iterator[ScrapedSample]:
    number, exemplar = 0.0, None
    for field, value in read_fields(data):
        if field == 1:
            number = _double(value)
        elif field == 2:
            exemplar = _exemplar(_bytes(value))
        elif field == 3:
            yield ScrapedSample(f"{name}_created", labels, _moment(_bytes(value)))
    yield ScrapedSample(name, labels, number, time, exemplar)


def _summary(
    name: str, labels: Labels, time: Moment | None, data: bytes
) -> Iterator[ScrapedSample]:
    for field, value in read_fields(data):
        if field == 1:
            yield ScrapedSample(f"{name}_count", labels, float(_whole(value)), time)
        elif field == 2:
            yield ScrapedSample(f"{name}_sum", labels, _double(value), time)
        elif field == 3:
            both = {number: _double(part) for number, part in read_fields(_bytes(value))}
            at = {**labels, "quantile": repr(both.get(1, 0.0))}
            yield ScrapedSample(name, at, both.get(2, 0.0), time)
        elif field == 4:
            yield ScrapedSample(f"{name}_created", labels, _moment(_bytes(value)))


def _histogram(
    name: str, labels: Labels, time: Moment | None, data: bytes
) -> Iterator[ScrapedSample]:
    fields: dict[int, list[Value]] = {}
    for field, value in read_fields(data):
        fields.setdefault(field, []).append(value)
    native = _native(fields)
    if native is not None:
        yield ScrapedSample(name, labels, 0.0, time, None, native)
    if 4 in fields:
        yield ScrapedSample(f"{name}_count", labels, _double(fields[4][-1]), time)
    elif 1 in fields:
        yield ScrapedSample(f"{name}_count", labels, float(_whole(fields[1][-1])), time)
    if 2 in fields:
        yield ScrapedSample(f"{name}_sum", labels, _double(fields[2][-1]), time)
    for bucket in fields.get(3, ()):
        bound, count, exemplar = _bucket(_bytes(bucket))
        # Those of the native histogram are the same, and more.
        shown = None if native is not None and native.nh_exemplars else exemplar
        at = {**labels, "le": repr(bound)}
        yield ScrapedSample(f"{name}_bucket", at, count, time, shown)
    if 15 in fields:
        yield ScrapedSample(f"{name}_created", labels, _moment(_bytes(fields[15][-1])))


def _native(fields: Mapping[int, Sequence[Value]]) -> ScrapedHistogram | None:
    """Return the native histogram of a message; None for one that is classic alone.

    One has spans, or something about its zero bucket, as Prometheus demands.
    """
    zero_threshold = _last_double(fields, 6)
    zero_count = float(_whole(fields[7][-1])) if 7 in fields else _last_double(fields, 8)
    if not (9 in fields or 12 in fields or zero_threshold > 0 or zero_count > 0):
        return None
    exemplars = (_exemplar(_bytes(value)) for value in fields.get(16, ()))
    return ScrapedHistogram(
        float(_whole(fields[1][-1])) if 1 in fields else _last_double(fields, 4),
        _last_double(fields, 2),
        _zigzag(_whole(fields[5][-1])) if 5 in fields else 0,
        zero_threshold,
        zero_count,
        [_span(_bytes(value)) for value in fields.get(12, ())],
        list(_deltas(fields.get(13, ()))),
        [_span(_bytes(value)) for value in fields.get(9, ())],
        list(_deltas(fields.get(10, ()))),
        [exemplar for exemplar in exemplars if exemplar.timestamp is not None],
        counts_are_floats=not _FLOATS.isdisjoint(fields),
    )


def _span(data: bytes) -> Span:
    offset, length = 0, 0
    for field, value in read_fields(data):
        if field == 1:
            offset = _zigzag(_whole(value))
        elif field == 2:
            length = _whole(value)
    return Span(offset, length)


def _deltas(values: Sequence[Value]) -> Iterator[int]:
    """Yield numbers, of which a field has one, or as many as it is long."""
    for value in values:
        if isinstance(value, int):
            yield _zigzag(value)
            continue
        position = 0
        while position < len(value):
            delta, position = read_varint(value, position)
            yield _zigzag(delta)


def _bucket(data: bytes) -> tuple[float, float, ScrapedExemplar | None]:
    bound, count, exemplar = 0.0, 0.0, None
    for field, value in read_fields(data):
        if field == 1:
            count = float(_whole(value))
        elif field == 2:
            bound = _double(value)
        elif field == 3:
            exemplar = _exemplar(_bytes(value))
        elif field == 4:
            count = _double(value)
    return bound, count, exemplar


def _exemplar(data: bytes) -> ScrapedExemplar:
    labels: dict[str, str] = {}
    number, time = 0.0, None
    for field, value in read_fields(data):
        if field == 1:
            label, text = _pair(_bytes(value))
            labels[label] = text
        elif field == 2:
            number = _double(value)
        elif field == 3:
            time = _moment(_bytes(value))
    return ScrapedExemplar(labels, number, time)


def _moment(data: bytes) -> Moment:
    parts = {number: _signed(_whole(value)) for number, value in read_fields(data)}
    return Moment(parts.get(1, 0), parts.get(2, 0))


def _pair(data: bytes) -> tuple[str, str]:
    texts = {number: _text(value) for number, value in read_fields(data)}
    return texts.get(1, ""), texts.get(2, "")


def _last_double(fields: Mapping[int, Sequence[Value]], number: int) -> float:
    return _double(fields[number][-1]) if number in fields else 0.0


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


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _zigzag(value: int) -> int:
    return (value >> 1) ^ -(value & 1)
