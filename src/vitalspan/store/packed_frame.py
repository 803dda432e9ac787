"""Packs frames into bytes, and reads them column by column."""

from __future__ import annotations

import json
import struct
import zlib
from array import array
from bisect import bisect_left
from itertools import compress
from operator import add
from typing import Final, TypeVar

from vitalspan.store.column_bytes import (
    ColumnReader,
    count_type_of,
    little_endian,
    shuffled,
)
from vitalspan.store.errors import StoreError
from vitalspan.store.frame import (
    GROUP,
    HIGHEST_BUCKET,
    LANE,
    Frame,
    bucket_key,
    lanes,
)

_DENSE: Final = 1
_SPARSE: Final = 2
"""The two versions of a frame: the first has all buckets from the lowest to the highest of each
series and is compressed as a whole; the second has those that are not empty, and is written at
every tick, so only its buckets are compressed, which become half as long. A checksum of everything
ends it, because only what is compressed has one of its own."""

_HEADER: Final = struct.Struct("<BBBBHII")
_CHECKSUM_SIZE: Final = 4
_COUNT_TYPES: Final = b"BHIQ"
_Compression = tuple[int, int, int, int] | tuple[int, int, int, int, int]

_OF_BUCKETS: Final = (1, zlib.DEFLATED, 12, 4, zlib.Z_RLE)
_OF_COLUMNS: Final = (1, zlib.DEFLATED, zlib.MAX_WBITS, 4)
"""The arguments of the compression. Small blocks with codes of their own suit columns of different
kinds; repetitions are rare, and searching longer for them saves one percent."""


_Number = TypeVar("_Number", int, float)


def pack_dense(frame: Frame) -> bytes:
    """Return a frame that is kept for long as bytes."""
    places = frame.counted()
    lowest: array[int] = array("H")
    sizes: array[int] = array("H")
    calls: list[int] = []
    for place in places:
        first, numbers = lanes(frame.sketches[place])
        lowest.append(first)
        sizes.append(len(numbers))
        calls += numbers
    count_type, calls_type = count_type_of(frame.counts), count_type_of(calls)
    text = _extras_text(frame)
    doubles = (frame.totals, frame.shortest, frame.longest)
    parts = [
        _HEADER.pack(
            _DENSE, len(places), ord(count_type), ord(calls_type), 0, len(calls), len(text)
        ),
        bytes(places),
        _column(count_type, frame.counts, places),
        _column(count_type, frame.errors, places),
        *(shuffled(_column("d", column, places), 8) for column in doubles),
        # These are only used for the standard deviation.
        shuffled(_column("f", frame.squares, places), 4),
        little_endian(lowest),
        little_endian(sizes),
        little_endian(array(calls_type, calls)),
        text,
    ]
    return _compressed(_OF_COLUMNS, b"".join(parts))


def pack_sparse(frame: Frame) -> bytes:
    """Return a frame of one tick as bytes, in a fraction of the time that `pack_dense` takes."""
    places = frame.counted()
    keys, calls = frame.pairs()
    count_type = count_type_of(frame.counts)
    calls_type, calls_data = _narrowed(calls)
    text = _extras_text(frame)
    buckets = shuffled(little_endian(array("H", keys)), 2), calls_data, text
    parts = (
        _HEADER.pack(
            _SPARSE, len(places), ord(count_type), ord(calls_type), 0, len(keys), len(text)
        ),
        bytes(places),
        _column(count_type, frame.counts, places),
        _column(count_type, frame.errors, places),
        _column("d", frame.totals, places),
        _column("f", frame.squares, places),
        _column("d", frame.shortest, places),
        _column("d", frame.longest, places),
        _compressed(_OF_BUCKETS, b"".join(buckets)),
    )
    data = b"".join(parts)
    return data + _checksum(data)


def _checksum(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(_CHECKSUM_SIZE, "little")


def _column(typecode: str, column: list[_Number], places: list[int]) -> bytes:
    values = column if len(places) == GROUP else [column[place] for place in places]
    return little_endian(array(typecode, values))


def _narrowed(calls: array[int]) -> tuple[str, bytes]:
    """Return counts and their type: bytes where they are small, as they nearly always are."""
    data = little_endian(calls)
    if calls.itemsize == 2:
        low, high = data[::2], data[1::2]
        if high.count(0) == len(high):
            return "B", low
    return calls.typecode, data


def _extras_text(frame: Frame) -> bytes:
    extras = [[place, column, amount] for (place, column), amount in frame.extras.items()]
    return json.dumps(extras, separators=(",", ":")).encode() if extras else b""


def _compressed(arguments: _Compression, data: bytes) -> bytes:
    compressor = zlib.compressobj(*arguments)
    return compressor.compress(data) + compressor.flush()


class PackedFrame:
    """A packed frame for reading: the columns of the series that have calls.

    Args:
        packed: the bytes from `pack_dense` or `pack_sparse`.

    Raises:
        StoreError: for bytes that are not a frame.
    """

    __slots__ = (
        "_calls",
        "_counts",
        "_doubles",
        "_errors",
        "_keys",
        "_lanes",
        "_lowest",
        "_places",
        "_sizes",
        "extras",
    )

    def __init__(self, packed: bytes) -> None:
        self._lanes = b""
        self._lowest = self._sizes = self._keys = self._calls = array("H")
        try:
            if packed[:1] == bytes([_SPARSE]):
                self._read_sparse(packed)
            else:
                self._read_dense(zlib.decompress(packed))
        except (zlib.error, struct.error, ValueError, TypeError) as error:
            raise StoreError(f"a damaged frame: {error}") from None

    def _read_dense(self, data: bytes) -> None:
        version, size, count_type, calls_type, _, calls, text = _HEADER.unpack_from(data)
        if version != _DENSE:
            raise StoreError(f"a frame of version {version}: a newer vitalspan has written it")
        reader = ColumnReader(data, _HEADER.size)
        self._read_counts(reader, size, count_type, calls_type)
        totals, shortest, longest = (reader.take_shuffled("d", size) for _ in range(3))
        self._doubles = totals, reader.take_shuffled("f", size), shortest, longest
        self._lowest = reader.take("H", size)
        self._sizes = reader.take("H", size)
        self._lanes = reader.take_lanes(chr(calls_type), calls)
        self._read_extras(reader.rest(text))

    def _read_sparse(self, packed: bytes) -> None:
        data = packed[:-_CHECKSUM_SIZE]
        if packed[-_CHECKSUM_SIZE:] != _checksum(data):
            raise ValueError("its checksum is another one")
        _, size, count_type, calls_type, _, keys, text = _HEADER.unpack_from(data)
        reader = ColumnReader(data, _HEADER.size)
        self._read_counts(reader, size, count_type, calls_type)
        self._doubles = (
            reader.take("d", size),
            reader.take("f", size),
            reader.take("d", size),
            reader.take("d", size),
        )
        reader = ColumnReader(zlib.decompress(reader.rest()), 0)
        self._keys = reader.take_shuffled("H", keys)
        self._calls = reader.take(chr(calls_type), keys)
        self._read_extras(reader.rest(text))

    def _read_counts(
        self, reader: ColumnReader, size: int, count_type: int, calls_type: int
    ) -> None:
        if count_type not in _COUNT_TYPES or calls_type not in _COUNT_TYPES:
            raise ValueError("its counts are of an unknown type")
        self._places = reader.take("B", size)
        if max(self._places, default=0) >= GROUP:
            raise ValueError(f"a place is not below {GROUP}")
        self._counts = reader.take(chr(count_type), size)
        self._errors = reader.take(chr(count_type), size)

    def _read_extras(self, text: bytes) -> None:
        self.extras: list[tuple[int, str, float]] = json.loads(text) if text else []

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
        frame.add_pairs(self._keys, self._calls)
        if self._lanes:
            begin, sketches, calls = 0, frame.sketches, self._lanes
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
            if self._lanes:
                begin = 8 * sum(self._sizes[:index])
                calls = self._lanes[begin : begin + 8 * self._sizes[index]]
                sketch = int.from_bytes(calls, "little") << LANE * self._lowest[index]
                frame.sketches[place] += sketch
            lowest, highest = bucket_key(place, 0), bucket_key(place, HIGHEST_BUCKET)
            chosen = [lowest <= key <= highest for key in self._keys]
            frame.add_pairs(
                compress(self._keys, chosen),
                array(self._calls.typecode, compress(self._calls, chosen)),
            )
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
