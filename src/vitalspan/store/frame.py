"""Frames: what a few series counted in one interval, packed into bytes.

A frame has up to 32 series, so that neither one row for each series and tick has to be written,
nor every series has to be read when somebody asks about one. It has a column for each figure, and
durations as sparse counts in the base-2 buckets of scale 3, which can be added to those of any
other frame.
"""

from __future__ import annotations

import json
import struct
import sys
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate
from operator import add, sub
from typing import Final

from vitalspan.recording.buckets import ZERO_INDEX, BucketGrid, grid_of
from vitalspan.store.errors import StoreError

GROUP: Final = 32
"""Series of one frame."""

PLAIN_GRID: Final = grid_of(())
"""The buckets of stored durations: those of scale 3 and no others."""

_BUCKET_BITS: Final = 11
_MOST: Final = 2**_BUCKET_BITS - 1
"""The highest bucket, which ends after 10^70 seconds."""

_VERSION: Final = 1
_HEADER: Final = struct.Struct("<BBBBHII")
_COMPRESSION: Final = 1
"""Higher levels take several times as long, and save a few percent."""

_COUNT_TYPES: Final = ((2**8, "B"), (2**16, "H"), (2**32, "I"), (2**64, "Q"))

Extras = dict[tuple[int, str], float]
"""Counts beside those of durations, by series and column, such as `error:ValueError` or `hits`."""


class Frame:
    """The sums of up to 32 series over one interval, or over several that were added up.

    Attributes:
        counts: the calls of each series, by its place in the group.
        errors: those that failed.
        totals: the sums of their durations in seconds.
        squares: the sums of the squares of these.
        shortest: the shortest of them; infinite without any.
        longest: the longest of them; negative infinity without any.
        sketch: the calls by place and bucket, as `sketch_key` makes one number of both.
        extras: everything else that was counted.
    """

    __slots__ = (
        "counts",
        "errors",
        "extras",
        "longest",
        "shortest",
        "sketch",
        "squares",
        "totals",
    )

    def __init__(self) -> None:
        self.counts = [0] * GROUP
        self.errors = [0] * GROUP
        self.totals = [0.0] * GROUP
        self.squares = [0.0] * GROUP
        self.shortest = [float("inf")] * GROUP
        self.longest = [float("-inf")] * GROUP
        self.sketch: dict[int, int] = {}
        self.extras: Extras = {}

    def add(self, other: Frame) -> None:
        """Add what another frame of the same series has."""
        self.counts = list(map(add, self.counts, other.counts))
        self.errors = list(map(add, self.errors, other.errors))
        self.totals = list(map(add, self.totals, other.totals))
        self.squares = list(map(add, self.squares, other.squares))
        self.shortest = list(map(min, self.shortest, other.shortest))
        self.longest = list(map(max, self.longest, other.longest))
        _add_sketch(self.sketch, other.sketch.keys(), other.sketch.values())
        for key, amount in other.extras.items():
            self.extras[key] = self.extras.get(key, 0.0) + amount

    def buckets_by_place(self) -> dict[int, dict[int, int]]:
        """Return the calls of each series by bucket of `PLAIN_GRID`."""
        result: dict[int, dict[int, int]] = {}
        for key, calls in self.sketch.items():
            place = key >> _BUCKET_BITS
            buckets = result.get(place)
            if buckets is None:
                buckets = result[place] = {}
            buckets[key & _MOST] = calls
        return result

    def places(self) -> list[int]:
        """Return the places of the series that have anything."""
        counted = {place for place, count in enumerate(self.counts) if count}
        return sorted(counted.union(place for place, _ in self.extras))


def sketch_key(place: int, bucket: int) -> int:
    """Return what stands for a bucket of a series in a sketch.

    Args:
        place: of the series in its group.
        bucket: of `PLAIN_GRID`.
    """
    return place << _BUCKET_BITS | min(bucket, _MOST)


class PlainBuckets(dict[int, int]):
    """The bucket of `PLAIN_GRID` that contains each bucket of another grid.

    Args:
        grid: the other one.
    """

    def __init__(self, grid: BucketGrid) -> None:
        self._grid = grid

    def __missing__(self, bucket: int) -> int:
        plain = self[bucket] = min(self._grid.index(bucket) - ZERO_INDEX, _MOST)
        return plain


def pack(frame: Frame) -> bytes:
    """Return a frame as bytes."""
    places = [place for place, count in enumerate(frame.counts) if count]
    if len(places) == GROUP:
        columns = [frame.totals, frame.squares, frame.shortest, frame.longest]
        counts, errors = frame.counts, frame.errors
    else:
        every = (frame.totals, frame.squares, frame.shortest, frame.longest)
        columns = [[column[place] for place in places] for column in every]
        counts = [frame.counts[place] for place in places]
        errors = [frame.errors[place] for place in places]
    keys = sorted(frame.sketch)
    calls = [frame.sketch[key] for key in keys]
    count_type = _count_type(max(counts, default=0))
    calls_type = _count_type(max(calls, default=0))
    extras = [[place, column, amount] for (place, column), amount in frame.extras.items()]
    text = json.dumps(extras, separators=(",", ":")).encode() if extras else b""
    header = _HEADER.pack(
        _VERSION, len(places), ord(count_type), ord(calls_type), len(keys), len(text), 0
    )
    parts = [
        header,
        bytes(places),
        _bytes(array(count_type, counts)),
        _bytes(array(count_type, errors)),
        *(_shuffled(_bytes(array("d", column))) for column in columns),
        # Most keys are followed by the next one, and differences of 1 take no room.
        _bytes(array("H", map(sub, keys, [0, *keys]))),
        _bytes(array(calls_type, calls)),
        text,
    ]
    return zlib.compress(b"".join(parts), _COMPRESSION)


class PackedFrame:
    """A frame as it is read: columns of the series that have calls.

    Args:
        packed: the bytes from `pack`.

    Raises:
        StoreError: for bytes that are no frame.
    """

    __slots__ = ("_calls", "_columns", "_counts", "_errors", "_keys", "_places", "extras")

    def __init__(self, packed: bytes) -> None:
        try:
            self._read(zlib.decompress(packed))
        except (zlib.error, struct.error, ValueError, TypeError) as error:
            raise StoreError(f"a damaged frame: {error}") from None

    def _read(self, data: bytes) -> None:
        version, size, count_type, calls_type, keys, text, _ = _HEADER.unpack_from(data)
        if version != _VERSION:
            raise StoreError(f"a frame of version {version}: a newer vitalspan has written it")
        reader = _Reader(data, _HEADER.size)
        self._places = reader.take("B", size)
        self._counts = reader.take(chr(count_type), size)
        self._errors = reader.take(chr(count_type), size)
        self._columns = [reader.take_doubles(size) for _ in range(4)]
        self._keys = list(accumulate(reader.take("H", keys)))
        self._calls = reader.take(chr(calls_type), keys)
        self.extras: list[tuple[int, str, float]] = json.loads(reader.rest(text)) if text else []

    def add_to(self, frame: Frame) -> None:
        """Add every series to a frame."""
        if len(self._places) == GROUP:
            frame.counts = list(map(add, frame.counts, self._counts))
            frame.errors = list(map(add, frame.errors, self._errors))
            totals, squares, shortest, longest = self._columns
            frame.totals = list(map(add, frame.totals, totals))
            frame.squares = list(map(add, frame.squares, squares))
            frame.shortest = list(map(min, frame.shortest, shortest))
            frame.longest = list(map(max, frame.longest, longest))
        else:
            for index, place in enumerate(self._places):
                self._add_columns(frame, index, place)
        _add_sketch(frame.sketch, self._keys, self._calls)
        for place, column, amount in self.extras:
            frame.extras[place, column] = frame.extras.get((place, column), 0.0) + amount

    def add_series_to(self, frame: Frame, place: int) -> None:
        """Add one series to a frame."""
        index = bisect_left(self._places, place)
        if index < len(self._places) and self._places[index] == place:
            self._add_columns(frame, index, place)
            first = bisect_left(self._keys, place << _BUCKET_BITS)
            after = bisect_left(self._keys, (place + 1) << _BUCKET_BITS)
            _add_sketch(frame.sketch, self._keys[first:after], self._calls[first:after])
        for where, column, amount in self.extras:
            if where == place:
                frame.extras[place, column] = frame.extras.get((place, column), 0.0) + amount

    def _add_columns(self, frame: Frame, index: int, place: int) -> None:
        totals, squares, shortest, longest = self._columns
        frame.counts[place] += self._counts[index]
        frame.errors[place] += self._errors[index]
        frame.totals[place] += totals[index]
        frame.squares[place] += squares[index]
        frame.shortest[place] = min(frame.shortest[place], shortest[index])
        frame.longest[place] = max(frame.longest[place], longest[index])


class _Reader:
    """Takes columns out of bytes, one after the other."""

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

    def take_doubles(self, size: int) -> array[float]:
        data = bytearray(8 * size)
        for byte in range(8):
            begin = self._offset + byte * size
            data[byte::8] = self._data[begin : begin + size]
        self._offset += 8 * size
        column = array("d", bytes(data))
        if sys.byteorder == "big":
            column.byteswap()
        return column

    def rest(self, size: int) -> bytes:
        return self._data[self._offset : self._offset + size]


def _bytes(column: array[int] | array[float]) -> bytes:
    if sys.byteorder == "big":
        column.byteswap()
    return column.tobytes()


def _shuffled(doubles: bytes) -> bytes:
    """Return all first bytes, then all second ones, and so on: exponents are alike."""
    return b"".join(doubles[byte::8] for byte in range(8))


def _count_type(highest: int) -> str:
    return next(typecode for limit, typecode in _COUNT_TYPES if highest < limit)


def _add_sketch(sums: dict[int, int], keys: Iterable[int], calls: Iterable[int]) -> None:
    get = sums.get
    for key, count in zip(keys, calls, strict=True):
        sums[key] = get(key, 0) + count
