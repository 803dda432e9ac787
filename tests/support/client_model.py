"""The messages of Prometheus' protobuf format, made by Google's library from their definition."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2

_Field = descriptor_pb2.FieldDescriptorProto

_PACKAGE: Final = "io.prometheus.client"

_SCALARS: Final = {
    "string": _Field.TYPE_STRING,
    "double": _Field.TYPE_DOUBLE,
    "uint32": _Field.TYPE_UINT32,
    "uint64": _Field.TYPE_UINT64,
    "int64": _Field.TYPE_INT64,
    "sint32": _Field.TYPE_SINT32,
    "sint64": _Field.TYPE_SINT64,
}

TYPES: Final = ("COUNTER", "GAUGE", "SUMMARY", "UNTYPED", "HISTOGRAM", "GAUGE_HISTOGRAM")

MESSAGES: Final = {
    "LabelPair": "1 name string, 2 value string",
    "Gauge": "1 value double",
    "Counter": "1 value double, 2 exemplar Exemplar, 3 created_timestamp Timestamp",
    "Quantile": "1 quantile double, 2 value double",
    "Summary": "1 sample_count uint64, 2 sample_sum double, 3 quantile Quantile*, "
    "4 created_timestamp Timestamp",
    "Untyped": "1 value double",
    "Histogram": "1 sample_count uint64, 4 sample_count_float double, 2 sample_sum double, "
    "3 bucket Bucket*, 15 created_timestamp Timestamp, 5 schema sint32, 6 zero_threshold double, "
    "7 zero_count uint64, 8 zero_count_float double, 9 negative_span BucketSpan*, "
    "10 negative_delta sint64*, 11 negative_count double*, 12 positive_span BucketSpan*, "
    "13 positive_delta sint64*, 14 positive_count double*, 16 exemplars Exemplar*",
    "Bucket": "1 cumulative_count uint64, 4 cumulative_count_float double, 2 upper_bound double, "
    "3 exemplar Exemplar",
    "BucketSpan": "1 offset sint32, 2 length uint32",
    "Exemplar": "1 label LabelPair*, 2 value double, 3 timestamp Timestamp",
    "Metric": "1 label LabelPair*, 2 gauge Gauge, 3 counter Counter, 4 summary Summary, "
    "5 untyped Untyped, 7 histogram Histogram, 6 timestamp_ms int64",
    "MetricFamily": "1 name string, 2 help string, 3 type MetricType, 4 metric Metric*, "
    "5 unit string",
}
"""The fields of each message in `io/prometheus/client/metrics.proto`; `*` marks repeated ones."""


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name="io/prometheus/client/metrics.proto", package=_PACKAGE, syntax="proto2"
    )
    file.dependency.append("google/protobuf/timestamp.proto")
    types = file.enum_type.add(name="MetricType")
    for number, name in enumerate(TYPES):
        types.value.add(name=name, number=number)
    for message_name, fields in MESSAGES.items():
        message = file.message_type.add(name=message_name)
        for field in fields.split(", "):
            number, name, kind = field.split()
            label = _Field.LABEL_REPEATED if kind.endswith("*") else _Field.LABEL_OPTIONAL
            added = message.field.add(name=name, number=int(number), label=label)
            kind = kind.removesuffix("*")
            if kind in _SCALARS:
                added.type = _SCALARS[kind]
            else:
                added.type = _Field.TYPE_ENUM if kind == "MetricType" else _Field.TYPE_MESSAGE
                package = "google.protobuf" if kind == "Timestamp" else _PACKAGE
                added.type_name = f".{package}.{kind}"
    return file


def _message_class() -> Any:
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(_file())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.MetricFamily"))


MetricFamily: Final = _message_class()


def read_families(data: bytes) -> Iterator[Any]:
    """Yield the `MetricFamily` messages of a scrape, each of which is preceded by its length."""
    position = 0
    while position < len(data):
        length = shift = 0
        while True:
            byte = data[position]
            position += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        content = data[position : position + length]
        assert len(content) == length, "the last message is cut off"
        position += length
        family = MetricFamily.FromString(content)
        size = family.ByteSize()
        family.DiscardUnknownFields()
        assert family.ByteSize() == size, "the message has fields that are not defined"
        yield family
