"""Columns of numbers as bytes, and read again."""

from __future__ import annotations

import sys
from array import array
from typing import Any, Final

_COUNT_TYPES: Final = ((2**8, "B"), (2**16, "H"), (2**32, "I"), (2**64, "Q"))


def little_endian(column: array[int] | array[float]) -> bytes:
    """Return the bytes of a column in little-endian order on every platform."""
    if sys.byteorder == "big":
        column = column[:]
        column.byteswap()
    return column.tobytes()


class ColumnReader:
    """Reads columns from bytes, one after the other."""

    def __init__(self, data: bytes, offset: int) -> None:
        self._data = data
        self._offset = offset

    def take(self, typecode: str, size: int) -> array[Any]:
        """Return a column with `size` numbers."""
        column: array[Any] = array(typecode)
        end = self._offset + size * column.itemsize
        column.frombytes(self._data[self._offset : end])
        if len(column) != size:
            raise ValueError("it is too short")
        self._offset = end
        if sys.byteorder == "big":
            column.byteswap()
        return column

    def take_shuffled(self, typecode: str, size: int) -> array[Any]:
        """Return a column whose bytes `shuffled` has put into another order."""
        column: array[Any] = array(typecode)
        width = column.itemsize
        data = bytearray(width * size)
        for byte in range(width):
            begin = self._offset + byte * size
            data[byte::width] = self._data[begin : begin + size]
        self._offset += width * size
        column.frombytes(bytes(data))
        if sys.byteorder == "big":
            column.byteswap()
        return column

    def take_lanes(self, typecode: str, size: int) -> bytes:
        """Return integers of any width as integers of 64 bits."""
        width = array(typecode).itemsize
        end = self._offset + width * size
        data = self._data[self._offset : end]
        if len(data) != width * size:
            raise ValueError("it is too short")
        self._offset = end
        lanes = bytearray(8 * size)
        for byte in range(width):
            lanes[byte::8] = data[byte::width]
        return bytes(lanes)

    def rest(self, size: int | None = None) -> bytes:
        """Return the next `size` bytes, or all remaining ones."""
        return self._data[self._offset : None if size is None else self._offset + size]


def shuffled(data: bytes, width: int) -> bytes:
    """Return all first bytes, then all second ones, and so on, because exponents are similar."""
    return b"".join([data[byte::width] for byte in range(width)])


def count_type_of(counts: list[int]) -> str:
    """Return the type code of the narrowest array that has room for these counts."""
    highest = max(counts, default=0)
    return next(typecode for limit, typecode in _COUNT_TYPES if highest < limit)
