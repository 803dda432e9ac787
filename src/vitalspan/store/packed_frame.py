"""Packs frames into bytes, and reads them column by column."""

from __future__ import annotations

import json
import struct
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate, groupby, pairwise
from operator import lshift
from typing import Any, Final, TypeVar

from vitalspan.store.column_bytes import (
    HALF,
    ColumnReader,
    count_type_of,
    halved,
    little_endian,
    narrowed,
    narrowed_lanes,
    shuffled,
    widened,
)
from vitalspan.store.errors import StoreError
from vitalspan.store.frame import GROUP, HIGHEST_BUCKET, LANE, Frame, SparseBuckets

_DENSE: Final = 1
_SPARSE: Final = 3
"""The versions of frames that are written: a dense one has all buckets from the lowest to the
highest of each series, and is compressed as a whole. A sparse one has those that are not empty. It
is written at every tick, so it is not compressed, and a checksum ends it."""

_KEYED: Final = 2
"""The version of sparse frames that earlier versions have written. Their buckets are compressed,
and have 16 bits, of which the first five are the place of the series."""

_HEADER: Final = struct.Struct("<BBBBHII")
_CHECKSUM_SIZE: Final = 4
_COUNT_TYPES: Final = b"BHIQ"
_CALLS_TYPES: Final = _COUNT_TYPES + HALF.encode()

_NO_LANES: Final = 0, array("Q")

_COMPRESSION: Final = (1, zlib.DEFLATED, zlib.MAX_WBITS, 4)
"""The arguments of the compression. Small blocks with codes of their own suit columns of different
kinds; repetitions are rare, and searching longer for them saves one percent."""

_Number = TypeVar("_Number", int, float)


def pack_dense(frame: Frame) -> bytes:
    """Return a frame that is kept for long as bytes."""
    places = frame.counted()
    lanes = frame.lanes_by_place()
    found = [lanes.get(place, _NO_LANES) for place in places]
    lowest = array("H", [first for first, _ in found])
    sizes = array("H", [len(calls) for _, calls in found])
    count_type = count_type_of(frame.counts)
    calls_type, calls = narrowed_lanes(b"".join([little_endian(calls) for _, calls in found]))
    text = _extras_text(frame)
    doubles = (frame.totals, frame.shortest, frame.longest)
    parts = [
        _HEADER.pack(
            _DENSE, len(places), ord(count_type), ord(calls_type), 0, sum(sizes), len(text)
        ),
        bytes(places),
        _column(count_type, frame.counts, places),
        _column(count_type, frame.errors, places),
        *(shuffled(_column("d", column, places), 8) for column in doubles),
        # These are only used for the standard deviation.
        shuffled(_column("f", frame.squares, places), 4),
        little_endian(lowest),
        little_endian(sizes),
        calls,
        text,
    ]
    compressor = zlib.compressobj(*_COMPRESSION)
    return compressor.compress(b"".join(parts)) + compressor.flush()


def pack_sparse(frame: Frame) -> bytes:
    """Return a frame of one tick as bytes, in a fraction of the time that `pack_dense` takes."""
    there = frame.sparse_buckets()
    places, sizes = frame.counted(), there.sizes
    if places != list(there.places):
        size_of = dict(zip(there.places, sizes, strict=True))
        places = sorted({*places, *there.places})
        sizes = [size_of.get(place, 0) for place in places]
    count_type = count_type_of(frame.counts)
    bucket_type, buckets = narrowed(there.buckets)
    if bucket_type == "B" and max(sizes, default=0) > 255:
        bucket_type, buckets = "H", little_endian(array("H", there.buckets))
    calls_type, calls = halved(*narrowed(there.calls))
    text = _extras_text(frame)
    types = ord(count_type), ord(calls_type), ord(bucket_type)
    parts = (
        _HEADER.pack(_SPARSE, len(places), *types, len(there.calls), len(text)),
        bytes(places),
        _column(count_type, frame.counts, places),
        _column(count_type, frame.errors, places),
        _column("d", frame.totals, places),
        _column("f", frame.squares, places),
        _column("d", frame.shortest, places),
        _column("d", frame.longest, places),
        little_endian(array(bucket_type, sizes)),
        buckets,
        calls,
        text,
    )
    data = b"".join(parts)
    return data + _checksum(data)


def _checksum(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(_CHECKSUM_SIZE, "little")


def _column(typecode: str, column: list[_Number], places: list[int]) -> bytes:
    values = column if len(places) == GROUP else [column[place] for place in places]
    return little_endian(array(typecode, values))


def _extras_text(frame: Frame) -> bytes:
    extras = [[place, column, amount] for (place, column), amount in frame.extras.items()]
    return json.dumps(extras, separators=(",", ":")).encode() if extras else b""


class PackedFrame:
    """A packed frame for reading: the columns of the series that have calls.

    Args:
        packed: the bytes from `pack_dense` or `pack_sparse`.

    Raises:
        StoreError: for bytes that are not a frame.
    """

    __slots__ = (
        "_columns",
        "_lanes",
        "_lanes_type",
        "_lowest",
        "_places",
        "_sizes",
        "_sparse",
        "extras",
    )

    def __init__(self, packed: bytes) -> None:
        self._lanes: bytes | None = None
        self._sparse: SparseBuckets | None = None
        try:
            if packed[:1] in {bytes([_KEYED]), bytes([_SPARSE])}:
                self._read_sparse(packed)
            else:
                self._read_dense(zlib.decompress(packed))
        except (zlib.error, struct.error, ValueError, TypeError) as error:
            raise StoreError(f"a damaged frame: {error}") from None

    def _read_dense(self, data: bytes) -> None:
        version, size, count_type, calls_type, _, calls, text = _HEADER.unpack_from(data)
        if version != _DENSE:
            raise StoreError(f"a frame of version {version}: a newer vitalspan has written it")
        reader = self._reader(data, size, count_type, calls_type)
        self._columns = [
            reader.columns(2 * chr(count_type), size),
            reader.columns("dddf", size, is_shuffled=True),
        ]
        self._lowest, self._sizes = reader.columns("HH", size).all()
        self._lanes_type = chr(calls_type)
        self._lanes = reader.take(calls * struct.calcsize(self._lanes_type))
        if sum(self._sizes) != calls:
            raise ValueError("its sizes are not those of its buckets")
        self._read_extras(reader.take(text))

    def _read_sparse(self, packed: bytes) -> None:
        data = packed[:-_CHECKSUM_SIZE]
        if packed[-_CHECKSUM_SIZE:] != _checksum(data):
            raise ValueError("its checksum is wrong")
        version, size, count_type, calls_type, bucket_type, calls, text = _HEADER.unpack_from(data)
        reader = self._reader(data, size, count_type, calls_type)
        self._columns = [reader.columns(2 * chr(count_type) + "dfdd", size)]
        if version == _KEYED:
            reader = ColumnReader(zlib.decompress(reader.rest()), 0)
            (keys,) = reader.columns("H", calls, is_shuffled=True).all()
            runs = [(place, len(list(run))) for place, run in groupby(key >> 11 for key in keys)]
            self._sparse = SparseBuckets(
                [place for place, _ in runs],
                [length for _, length in runs],
                [key & HIGHEST_BUCKET for key in keys],
                reader.counts(chr(calls_type), calls),
            )
        else:
            self._sparse = SparseBuckets(
                self._places,
                reader.counts(chr(bucket_type), size),
                reader.counts(chr(bucket_type), calls),
                reader.counts(chr(calls_type), calls),
            )
        if sum(self._sparse.sizes) != calls:
            raise ValueError("its sizes are not those of its buckets")
        self._read_extras(reader.take(text))

    def _reader(self, data: bytes, size: int, count_type: int, calls_type: int) -> ColumnReader:
        """Read the places; return the reader of what follows."""
        if count_type not in _COUNT_TYPES or calls_type not in _CALLS_TYPES:
            raise ValueError("its counts are of an unknown type")
        reader = ColumnReader(data, _HEADER.size)
        self._places = reader.take(size)
        if max(self._places, default=0) >= GROUP:
            raise ValueError(f"a place is not below {GROUP}")
        return reader

    def _read_extras(self, text: bytes) -> None:
        self.extras: list[tuple[int, str, float]] = json.loads(text) if text else []

    def _in_order(self, values: list[Any]) -> list[Any]:
        """Return values of all columns in the order of those in `Frame`."""
        if self._lanes is not None:
            counts, errors, totals, shortest, longest, squares = values
            return [counts, errors, totals, squares, shortest, longest]
        return values

    def columns(self) -> list[Any] | None:
        """Return the columns, in the order of those in `Frame`, if all series have calls."""
        if len(self._places) < GROUP:
            return None
        return self._in_order([values for some in self._columns for values in some.all()])

    def add_to(self, frame: Frame) -> None:
        """Add all series to a frame."""
        for index, place in enumerate(self._places):
            self._add_columns(frame, index, place)
        self.add_rest_to(frame)

    def add_rest_to(self, frame: Frame) -> None:
        """Add what is not in columns to a frame: the buckets, and all other counts."""
        if self._sparse is not None:
            frame.add_sparse(self._sparse)
        if self._lanes is not None:
            lanes, sketches = widened(self._lanes, self._lanes_type), frame.sketches
            ends = accumulate([8 * size for size in self._sizes], initial=0)
            calls = [int.from_bytes(lanes[begin:end], "little") for begin, end in pairwise(ends)]
            shifts = [LANE * first for first in self._lowest]
            for place, sketch in zip(self._places, map(lshift, calls, shifts), strict=True):
                sketches[place] += sketch
        for place, column, amount in self.extras:
            frame.extras[place, column] = frame.extras.get((place, column), 0.0) + amount

    def add_series_to(self, frame: Frame, place: int) -> None:
        """Add one series to a frame."""
        index = bisect_left(self._places, place)
        if index < len(self._places) and self._places[index] == place:
            self._add_columns(frame, index, place)
            if self._lanes is not None:
                width = struct.calcsize(self._lanes_type)
                begin = width * sum(self._sizes[:index])
                lanes = self._lanes[begin : begin + width * self._sizes[index]]
                calls = int.from_bytes(widened(lanes, self._lanes_type), "little")
                frame.sketches[place] += calls << LANE * self._lowest[index]
        for where, buckets, numbers in self._sparse.series() if self._sparse else ():
            if where == place:
                frame.add_sparse(SparseBuckets([place], [len(buckets)], buckets, numbers))
        for where, column, amount in self.extras:
            if where == place:
                frame.extras[place, column] = frame.extras.get((place, column), 0.0) + amount

    def _add_columns(self, frame: Frame, index: int, place: int) -> None:
        values = self._in_order([one for some in self._columns for one in some.at(index)])
        count, errors, total, squares, shortest, longest = values
        frame.counts[place] += count
        frame.errors[place] += errors
        frame.totals[place] += total
        frame.squares[place] += squares
        frame.shortest[place] = min(frame.shortest[place], shortest)
        frame.longest[place] = max(frame.longest[place], longest)


def add_all(packed: Iterable[PackedFrame], frame: Frame) -> None:
    """Add several packed frames to a frame, which is faster than adding one after the other."""
    full = []
    for one in packed:
        columns = one.columns()
        if columns is None:
            one.add_to(frame)
        else:
            full.append(columns)
            one.add_rest_to(frame)
    if full:
        counts, errors, totals, squares, shortest, longest = zip(*full, strict=True)
        frame.counts = list(map(sum, zip(frame.counts, *counts, strict=True)))
        frame.errors = list(map(sum, zip(frame.errors, *errors, strict=True)))
        frame.totals = list(map(sum, zip(frame.totals, *totals, strict=True)))
        frame.squares = list(map(sum, zip(frame.squares, *squares, strict=True)))
        frame.shortest = list(map(min, zip(frame.shortest, *shortest, strict=True)))
        frame.longest = list(map(max, zip(frame.longest, *longest, strict=True)))
