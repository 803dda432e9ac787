"""Packs frames into bytes, and reads them column by column."""

from __future__ import annotations

import json
import struct
import sys
import zlib
from array import array
from bisect import bisect_left
from operator import add
from typing import Final, TypeVar

from vitalspan.store.errors import StoreError
from vitalspan.store.frame import GROUP, LANE, Frame, little_endian

_VERSION: Final = 1
_HEADER: Final = struct.Struct("<BBBBHII")
_FAST: Final = (1, zlib.DEFLATED, 12, 4, zlib.Z_HUFFMAN_ONLY)
_THOROUGH: Final = (6, zlib.DEFLATED, zlib.MAX_WBITS, 4)
"""The arguments of the compression. Small blocks with codes of their own suit columns of different
kinds; repetitions are rare, and searching for them saves less than a tenth."""

_COUNT_TYPES: Final = ((2**8, "B"), (2**16, "H"), (2**32, "I"), (2**64, "Q"))

_Number = TypeVar("_Number", int, float)


def pack(frame: Frame, *, thoroughly: bool = False) -> bytes:
    """Return a frame as bytes.

    Args:
        frame: the frame.
        thoroughly: whether to take twice the time to save a few percent.
    """
    places = [place for place, count in enumerate(frame.counts) if count]
    lowest: array[int] = array("H")
    sizes: array[int] = array("H")
    calls: list[int] = []
    for place in places:
        first, lanes = frame.lanes(place)
        lowest.append(first)
        sizes.append(len(lanes))
        calls += lanes
    counts, errors = _of_places(frame.counts, places), _of_places(frame.errors, places)
    count_type = _count_type(max(counts, default=0))
    calls_type = _count_type(max(calls, default=0))
    extras = [[place, column, amount] for (place, column), amount in frame.extras.items()]
    text = json.dumps(extras, separators=(",", ":")).encode() if extras else b""
    header = _HEADER.pack(
        _VERSION, len(places), ord(count_type), ord(calls_type), 0, len(calls), len(text)
    )
    doubles = [
        _of_places(column, places) for column in (frame.totals, frame.shortest, frame.longest)
    ]
    parts = [
        header,
        bytes(places),
        little_endian(array(count_type, counts)),
        little_endian(array(count_type, errors)),
        *(_shuffled(array("d", column)) for column in doubles),
        # These are only used for the standard deviation.
        _shuffled(array("f", _of_places(frame.squares, places))),
        little_endian(lowest),
        little_endian(sizes),
        little_endian(array(calls_type, calls)),
        text,
    ]
    compressor = zlib.compressobj(*(_THOROUGH if thoroughly else _FAST))
    return compressor.compress(b"".join(parts)) + compressor.flush()


def _of_places(column: list[_Number], places: list[int]) -> list[_Number]:
    return column if len(places) == GROUP else [column[place] for place in places]


class PackedFrame:
    """A packed frame for reading: the columns of the series that have calls.

    Args:
        packed: the bytes from `pack`.

    Raises:
        StoreError: for bytes that are not a frame.
    """

    __slots__ = (
        "_calls",
        "_counts",
        "_doubles",
        "_errors",
        "_lowest",
        "_places",
        "_sizes",
        "extras",
    )

    def __init__(self, packed: bytes) -> None:
        try:
            self._read(zlib.decompress(packed))
        except (zlib.error, struct.error, ValueError, TypeError) as error:
            raise StoreError(f"a damaged frame: {error}") from None

    def _read(self, data: bytes) -> None:
        version, size, count_type, calls_type, _, calls, text = _HEADER.unpack_from(data)
        if version != _VERSION:
            raise StoreError(f"a frame of version {version}: a newer vitalspan has written it")
        reader = _Reader(data, _HEADER.size)
        self._places = reader.take("B", size)
        self._counts = reader.take(chr(count_type), size)
        self._errors = reader.take(chr(count_type), size)
        totals, shortest, longest = (reader.take_shuffled("d", size) for _ in range(3))
        self._doubles = totals, reader.take_shuffled("f", size), shortest, longest
        self._lowest = reader.take("H", size)
        self._sizes = reader.take("H", size)
        self._calls = reader.take_lanes(chr(calls_type), calls)
        self.extras: list[tuple[int, str, float]] = json.loads(reader.rest(text)) if text else []

    def add_to(self, frame: Frame) -> None:
        """Add all series to a frame."""
        if len(self._places) == GROUP:
            frame.counts = list(map(add, frame.counts, self._counts))
            frame.errors = list(map(add, frame.errors, self._errors))
            totals, squares, shortest, longest = self._doubles
            frame.totals = list(map(add, frame.totals, totals))
            frame.squares = list(map(add, frame.squares, squares))
            frame.shortest = list(map(min, frame.shortest, shortest))
            frame.longest = list(map(max, frame.longest, longest))
        else:
            for index, place in enumerate(self._places):
                self._add_columns(frame, index, place)
        begin, sketches, calls = 0, frame.sketches, self._calls
        for place, lowest, size in zip(self._places, self._lowest, self._sizes, strict=True):
            end = begin + 8 * size
            sketches[place] += int.from_bytes(calls[begin:end], "little") << LANE * lowest
            begin = end
        for place, column, amount in self.extras:
            frame.extras[place, column] = frame.extras.get((place, column), 0.0) + amount

    def add_series_to(self, frame: Frame, place: int) -> None:
        """Add one series to a frame."""
        index = bisect_left(self._places, place)
        if index < len(self._places) and self._places[index] == place:
            self._add_columns(frame, index, place)
            begin = 8 * sum(self._sizes[:index])
            calls = self._calls[begin : begin + 8 * self._sizes[index]]
            frame.sketches[place] += int.from_bytes(calls, "little") << LANE * self._lowest[index]
        for where, column, amount in self.extras:
            if where == place:
                frame.extras[place, column] = frame.extras.get((place, column), 0.0) + amount

    def _add_columns(self, frame: Frame, index: int, place: int) -> None:
        totals, squares, shortest, longest = self._doubles
        frame.counts[place] += self._counts[index]
        frame.errors[place] += self._errors[index]
        frame.totals[place] += totals[index]
        frame.squares[place] += squares[index]
        frame.shortest[place] = min(frame.shortest[place], shortest[index])
        frame.longest[place] = max(frame.longest[place], longest[index])


class _Reader:
    """Reads columns from bytes, one after the other."""

    def __init__(self, data: bytes, offset: int) -> None:
        self._data = data
        self._offset = offset

    def take(self, typecode: str, size: int) -> array[int]:
        column: array[int] = array(typecode)
        end = self._offset + size * column.itemsize
        column.frombytes(self._data[self._offset : end])
        if len(column) != size:
            raise ValueError("it is too short")
        self._offset = end
        if sys.byteorder == "big":
            column.byteswap()
        return column

    def take_shuffled(self, typecode: str, size: int) -> array[float]:
        column: array[float] = array(typecode)
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

    def rest(self, size: int) -> bytes:
        return self._data[self._offset : self._offset + size]


def _shuffled(column: array[float]) -> bytes:
    """Return all first bytes, then all second ones, and so on, because exponents are similar."""
    data = little_endian(column)
    return b"".join([data[byte :: column.itemsize] for byte in range(column.itemsize)])


def _count_type(highest: int) -> str:
    return next(typecode for limit, typecode in _COUNT_TYPES if highest < limit)
