from __future__ import annotations

import math
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import given, settings
from hypothesis import strategies as st

from vitalspan.exposition import protobuf_wire as wire

_Field = descriptor_pb2.FieldDescriptorProto

FIELDS = {
    "u32": _Field.TYPE_UINT32,
    "u64": _Field.TYPE_UINT64,
    "i32": _Field.TYPE_INT32,
    "i64": _Field.TYPE_INT64,
    "b": _Field.TYPE_BOOL,
    "s32": _Field.TYPE_SINT32,
    "s64": _Field.TYPE_SINT64,
    "d": _Field.TYPE_DOUBLE,
    "f64": _Field.TYPE_FIXED64,
    "sf64": _Field.TYPE_SFIXED64,
    "data": _Field.TYPE_BYTES,
    "text": _Field.TYPE_STRING,
}
PACKED = {
    "many_u64": _Field.TYPE_UINT64,
    "many_d": _Field.TYPE_DOUBLE,
    "many_f64": _Field.TYPE_FIXED64,
}
NUMBERS = {name: number for number, name in enumerate([*FIELDS, *PACKED], 1)}
# Numbers above 15 take two bytes with their type.
NUMBERS["text"] = 2000


def message_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="all.proto", package="test", syntax="proto3")
    everything = file.message_type.add(name="All")
    for names, label in ((FIELDS, _Field.LABEL_OPTIONAL), (PACKED, _Field.LABEL_REPEATED)):
        for name, kind in names.items():
            everything.field.add(name=name, number=NUMBERS[name], type=kind, label=label)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("test.All"))


All = message_class()

WRITERS = {
    **dict.fromkeys(("u32", "u64", "i32", "i64", "b"), wire.uint),
    **dict.fromkeys(("s32", "s64"), wire.sint),
    "d": wire.double,
    **dict.fromkeys(("f64", "sf64"), wire.fixed64),
    "data": wire.message,
    "text": wire.string,
    "many_u64": wire.packed_uint,
    "many_d": wire.packed_double,
    "many_f64": wire.packed_fixed64,
}

U32, U64 = st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)
S32, S64 = st.integers(-(2**31), 2**31 - 1), st.integers(-(2**63), 2**63 - 1)
DOUBLES = st.floats(allow_nan=False)
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "u32": U32,
        "u64": U64,
        "i32": S32,
        "i64": S64,
        "b": st.booleans(),
        "s32": S32,
        "s64": S64,
        "d": DOUBLES,
        "f64": U64,
        "sf64": S64,
        "data": st.binary(max_size=300),
        "text": st.text(max_size=200),
        "many_u64": st.lists(U64),
        "many_d": st.lists(DOUBLES),
        "many_f64": st.lists(U64),
    },
)


@settings(deadline=None, max_examples=300)
@given(VALUES)
def test_messages_are_what_protobuf_reads(values: dict[str, Any]) -> None:
    written: dict[str, Any] = WRITERS
    encoded = b"".join(written[name](NUMBERS[name], value) for name, value in values.items())
    assert All.FromString(encoded) == All(**values)


def test_a_message_has_its_length_before_it() -> None:
    assert wire.delimited(b"x" * 300) == b"\xac\x02" + b"x" * 300


def test_infinities_and_nan() -> None:
    assert All.FromString(wire.double(NUMBERS["d"], math.inf)).d == math.inf
    assert math.isnan(All.FromString(wire.double(NUMBERS["d"], math.nan)).d)


def test_text_that_is_not_unicode_is_replaced() -> None:
    assert All.FromString(wire.string(NUMBERS["text"], "a\ud800b")).text == "a?b"


@pytest.mark.parametrize(("value", "encoded"), [(0, 0), (-1, 1), (1, 2), (-2, 3), (2**31, 2**32)])
def test_zigzag(value: int, encoded: int) -> None:
    assert wire.zigzag(value) == encoded
