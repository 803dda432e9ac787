"""Columns of numbers in binary form: little-endian, one after the other."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Iterator
from typing import Any, Final

COUNT_TYPES: Final = {array(code).itemsize: code for code in "BHIQ"}
"""The array type codes for counts, by the number of bytes of a count."""

_BIG_ENDIAN: Final = sys.byteorder == "big"


def row_size(types: str) -> int:
    """Return the size of a row in bytes: one value of each column."""
    return sum(array(code).itemsize for code in types)


def columns_of(encoded: bytes, types: str, size: int) -> list[array[Any]]:
    """Return consecutive columns.

    Args:
        encoded: the columns.
        types: the array type code of each column.
        size: the number of values of each column.

    Raises:
        ValueError: if a column is cut off.
    """
    return list(_each_column(encoded, types, size))


def _each_column(encoded: bytes, types: str, size: int) -> Iterator[array[Any]]:
    at = 0
    for code in types:
        end = at + size * array(code).itemsize
        yield unpacked(code, encoded[at:end], size)
        at = end


def packed(code: str, values: Iterable[Any]) -> bytes:
    """Return an encoded column of a type."""
    column: array[Any] = array(code, values)
    if _BIG_ENDIAN:
        column.byteswap()
    return column.tobytes()


def unpacked(code: str, encoded: bytes, size: int) -> array[Any]:
    """Return a column of a type from its encoded form.

    Raises:
        ValueError: if its size is different.
    """
    column: array[Any] = array(code, encoded)
    if len(column) != size:
        raise ValueError("a column is cut off")
    if _BIG_ENDIAN:
        column.byteswap()
    return column


def decode_counts(encoded: bytes, width: int) -> list[int]:
    """Return counts that are encoded with `width` bytes each."""
    return unpacked(COUNT_TYPES[width], encoded, len(encoded) // width).tolist()


def widened(encoded: bytes, width: int, wanted: int) -> bytes:
    """Encode counts again, with more bytes for each.

    Args:
        encoded: the counts.
        width: the present number of bytes of each count.
        wanted: the new number of bytes of each count.
    """
    if width == wanted:
        return encoded
    counts = bytearray(len(encoded) // width * wanted)
    for place in range(width):
        counts[place::wanted] = encoded[place::width]
    return bytes(counts)
