"""Columns of numbers as bytes, and read again."""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

_COUNT_TYPES: Final = ((2**8, "B"), (2**16, "H"), (2**32, "I"), (2**64, "Q"))

_WIDTHS: Final = {"B": 1, "H": 2, "I": 4, "Q": 8, "f": 4, "d": 8}

HALF: Final = "N"
"""The type code of counts below 16, two of which share a byte."""

_BELOW_16: Final = bytes(range(16))
_LOW_HALVES: Final = bytes(byte & 15 for byte in range(256))
_HIGH_HALVES: Final = bytes(byte >> 4 for byte in range(256))


def little_endian(column: array[int] | array[float]) -> bytes:
    """Return the bytes of a column in little-endian order on every platform."""
    if sys.byteorder == "big":
        column = column[:]
        column.byteswap()
    return column.tobytes()


class Columns(NamedTuple):
    """Columns of the same size within bytes, which are only read if they are needed.

    Attributes:
        data: the bytes.
        offset: where the first column begins.
        typecodes: the type of the numbers of each column, as in arrays.
        size: how many numbers each has.
        is_shuffled: whether `shuffled` has put the bytes of each into another order.
    """

    data: bytes
    offset: int
    typecodes: str
    size: int
    is_shuffled: bool = False

    def all(self) -> list[Sequence[Any]]:
        """Return all numbers of each column."""
        begin, size = self.offset, self.size
        if not self.is_shuffled:
            form = "<" + "".join([f"{size}{typecode}" for typecode in self.typecodes])
            numbers = struct.unpack_from(form, self.data, begin)
            return [numbers[size * n : size * (n + 1)] for n in range(len(self.typecodes))]
        columns: list[Sequence[Any]] = []
        for typecode in self.typecodes:
            width = _WIDTHS[typecode]
            ordered = bytearray(width * size)
            for byte in range(width):
                ordered[byte::width] = self.data[begin : begin + size]
                begin += size
            columns.append(struct.unpack(f"<{size}{typecode}", ordered))
        return columns

    def at(self, index: int) -> list[Any]:
        """Return the number of each column at an index."""
        numbers: list[Any] = []
        begin, size = self.offset, self.size
        for typecode in self.typecodes:
            width = _WIDTHS[typecode]
            end = begin + width * size
            if self.is_shuffled:
                data = self.data[begin + index : end : size]
            else:
                data = self.data[begin + width * index : begin + width * (index + 1)]
            numbers += struct.unpack(f"<{typecode}", data)
            begin = end
        return numbers


class ColumnReader:
    """Finds the columns in bytes, one after the other.

    Args:
        data: the bytes.
        offset: where the first column begins.
    """

    def __init__(self, data: bytes, offset: int) -> None:
        self._data = data
        self._offset = offset

    def columns(self, typecodes: str, size: int, *, is_shuffled: bool = False) -> Columns:
        """Return the next columns, which have `size` numbers each.

        Raises:
            ValueError: if there are not as many.
        """
        columns = Columns(self._data, self._offset, typecodes, size, is_shuffled)
        self._skip(size * sum([_WIDTHS[typecode] for typecode in typecodes]))
        return columns

    def counts(self, typecode: str, size: int) -> Sequence[int]:
        """Return the next `size` counts, which may be of the type `HALF`.

        Raises:
            ValueError: if there are not as many.
        """
        if typecode == "B":
            return self.take(size)
        if typecode != HALF:
            return self.columns(typecode, size).all()[0]
        pairs = self.take((size + 1) // 2)
        counts = bytearray(2 * len(pairs))
        counts[::2], counts[1::2] = pairs.translate(_LOW_HALVES), pairs.translate(_HIGH_HALVES)
        return bytes(counts[:size])

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes.

        Raises:
            ValueError: if there are not as many.
        """
        begin = self._offset
        self._skip(size)
        return self._data[begin : self._offset]

    def rest(self) -> bytes:
        """Return all remaining bytes."""
        return self._data[self._offset :]

    def _skip(self, size: int) -> None:
        self._offset += size
        if self._offset > len(self._data):
            raise ValueError("it is too short")


def shuffled(data: bytes, width: int) -> bytes:
    """Return all first bytes, then all second ones, and so on, because exponents are similar."""
    return b"".join([data[byte::width] for byte in range(width)])


def count_type_of(counts: Sequence[int]) -> str:
    """Return the type code of the narrowest array that has room for these counts."""
    highest = max(counts, default=0)
    return next(typecode for limit, typecode in _COUNT_TYPES if highest < limit)


def narrowed(counts: Sequence[int]) -> tuple[str, bytes]:
    """Return the narrowest type that has room for these counts, and their bytes."""
    try:
        return "B", bytes(counts)
    except ValueError:
        typecode = count_type_of(counts)
        return typecode, little_endian(array(typecode, counts))


def halved(typecode: str, counts: bytes) -> tuple[str, bytes]:
    """Return counts of a type as the type `HALF` and their bytes, if they are small enough."""
    if typecode != "B" or counts.translate(None, _BELOW_16):
        return typecode, counts
    low, high = counts[::2], counts[1::2]
    pairs = int.from_bytes(low, "little") | int.from_bytes(high, "little") << 4
    return HALF, pairs.to_bytes(len(low), "little")


def widened(data: bytes, typecode: str) -> bytes:
    """Return integers of a type as integers of 64 bits."""
    width = _WIDTHS[typecode]
    lanes = bytearray(8 // width * len(data))
    for byte in range(width):
        lanes[byte::8] = data[byte::width]
    return bytes(lanes)


def narrowed_lanes(lanes: bytes) -> tuple[str, bytes]:
    """Return integers of 64 bits in the narrowest type that has room for them."""
    size = len(lanes) // 8
    width = next((byte + 1 for byte in range(7, 0, -1) if lanes[byte::8].count(0) < size), 1)
    typecode = next(typecode for limit, typecode in _COUNT_TYPES if 2 ** (8 * width) <= limit)
    width = _WIDTHS[typecode]
    data = bytearray(width * size)
    for byte in range(width):
        data[byte::width] = lanes[byte::8]
    return typecode, bytes(data)
