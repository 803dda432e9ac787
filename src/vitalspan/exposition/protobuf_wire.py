"""The wire format of Protocol Buffers: functions that encode fields as bytes.

Each function returns one complete field, including its key. A message is the concatenation of its
fields in any order, and becomes a field of another message with `message`. The format is described
in https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

VARINT: Final = 0
FIXED64: Final = 1
LENGTH: Final = 2

_ONE_BYTE: Final = tuple(bytes((value,)) for value in range(0x80))
_64_BITS: Final = 2**64 - 1

_double: Final = struct.Struct("<d").pack
_fixed64: Final = struct.Struct("<Q").pack


def varint(value: int) -> bytes:
    """Return an integer in groups of seven bits; a negative one takes ten bytes.

    Numbers have 64 bits; higher bits are cut off.
    """
    if 0 <= value < 0x80:
        return _ONE_BYTE[value]
    value &= _64_BITS
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def zigzag(value: int) -> int:
    """Return the zigzag encoding of a number, for `sint32` and `sint64` fields."""
    return value << 1 if value >= 0 else (-value << 1) - 1


@lru_cache(maxsize=256)
def key(number: int, wire_type: int) -> bytes:
    """Return the key of a field: its number and its wire type."""
    return varint(number << 3 | wire_type)


def uint(number: int, value: int) -> bytes:
    """Return a field of type `uint32`, `uint64`, `int32`, `int64`, `bool` or of an enumeration."""
    return key(number, VARINT) + varint(value)


def sint(number: int, value: int) -> bytes:
    """Return a field of type `sint32` or `sint64`."""
    return key(number, VARINT) + varint(zigzag(value))


def double(number: int, value: float) -> bytes:
    """Return a field of type `double`."""
    return key(number, FIXED64) + _double(value)


def fixed64(number: int, value: int) -> bytes:
    """Return a field of type `fixed64` or, for a negative value, `sfixed64`."""
    return key(number, FIXED64) + _fixed64(value & _64_BITS)


def message(number: int, content: bytes) -> bytes:
    """Return a field of type `bytes`, or of a message that is encoded already."""
    return key(number, LENGTH) + varint(len(content)) + content


def string(number: int, text: str) -> bytes:
    """Return a field of type `string`; invalid Unicode becomes question marks."""
    return message(number, text.encode("utf-8", "replace"))


def delimited(content: bytes) -> bytes:
    """Return a length-delimited message."""
    return varint(len(content)) + content


def packed_uint(number: int, values: Iterable[int]) -> bytes:
    """Return a repeated field of a type that `uint` supports."""
    return message(number, b"".join(map(varint, values)))


def packed_double(number: int, values: Sequence[float]) -> bytes:
    """Return a repeated field of type `double`."""
    return message(number, struct.pack(f"<{len(values)}d", *values))


def packed_fixed64(number: int, values: Sequence[int]) -> bytes:
    """Return a repeated field of type `fixed64`."""
    return message(number, struct.pack(f"<{len(values)}Q", *values))
