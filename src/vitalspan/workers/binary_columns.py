"""Columns of numbers in binary form: little-endian, one after the other."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Iterator
from typing import Any, Final

COUNT_TYPES: Final = {array(code).itemsize: code for code in "BHIQ"}
"""The types of counts, as `array` calls them, by the bytes that a count has."""

_BIG_ENDIAN: Final = sys.byteorder == "big"


def row_size(types: str) -> int:
    """Return the bytes that one value of each column has."""
    return sum(array(code).itemsize for code in types)


def columns_of(encoded: bytes, types: str, size: int) -> list[array[Any]]:
    """Return columns that follow each other.

    Args:
        encoded: the columns.
        types: of each, as `array` calls them.
        size: how many values each has.

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
    """Return a column of a type, encoded."""
    column: array[Any] = array(code, values)
    if _BIG_ENDIAN:
        column.byteswap()
    return column.tobytes()


def unpacked(code: str, encoded: bytes, size: int) -> array[Any]:
    """Return a column of a type.

    Raises:
        ValueError: if it has another size.
    """
    column: array[Any] = array(code, encoded)
    if len(column) != size:
        raise ValueError("a column is cut off")
    if _BIG_ENDIAN:
        column.byteswap()
    return column


def decode_counts(encoded: bytes, width: int) -> list[int]:
    """Return the counts that are encoded with this many bytes each."""
    return unpacked(COUNT_TYPES[width], encoded, len(encoded) // width).tolist()


def widened(encoded: bytes, width: int, wanted: int) -> bytes:
    """Encode counts again, with more bytes for each.

    Args:
        encoded: the counts.
        width: how many bytes each has.
        wanted: how many bytes each gets.
    """
    if width == wanted:
        return encoded
    counts = bytearray(len(encoded) // width * wanted)
    for place in range(width):
        counts[place::wanted] = encoded[place::width]
    return bytes(counts)
