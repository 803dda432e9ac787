"""Reads messages of Protocol Buffers field by field."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_VARINT: Final = 0
_LENGTH: Final = 2
_FIXED: Final = {1: 8, 5: 4}


def read_fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield the number of each field with its value: an int for varints, bytes for all others.

    Raises:
        ValueError: for invalid data.
    """
    position, size = 0, len(data)
    while position < size:
        key, position = read_varint(data, position)
        kind = key & 7
        if kind == _VARINT:
            value, position = read_varint(data, position)
            yield key >> 3, value
            continue
        if kind == _LENGTH:
            length, position = read_varint(data, position)
        elif kind in _FIXED:
            length = _FIXED[kind]
        else:
            raise ValueError(f"wire type {kind} is unknown")
        if position + length > size:
            raise ValueError("the message ends in the middle of a field")
        yield key >> 3, data[position : position + length]
        position += length


def read_varint(data: bytes, position: int) -> tuple[int, int]:
    """Return an integer and the position after it.

    Raises:
        ValueError: for invalid data.
    """
    value, shift = 0, 0
    while True:
        if position >= len(data) or shift > 63:
            raise ValueError("the message ends in the middle of a number")
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position += 1
        if byte < 0x80:
            return value, position
        shift += 7
