"""Frames: what a few series counted in one interval, packed into bytes.

A frame has up to 32 series, so that neither one row for each series and tick has to be written,
nor every series has to be read when somebody asks about one. It has a column for each figure, and
durations as counts in the base-2 buckets of scale 3, which can be added to those of any other
frame.
"""

from __future__ import annotations

import json
import struct
import sys
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from operator import add
from typing import Final, TypeVar

from vitalspan.recording.buckets import ZERO_INDEX, BucketGrid, grid_of
from vitalspan.store.errors import StoreError

GROUP: Final = 32
"""Series of one frame."""

PLAIN_GRID: Final = grid_of(())
"""The buckets of stored durations: those of scale 3 and no others."""

HIGHEST_BUCKET: Final = 2047
"""The highest bucket that is stored, which ends after 10^70 seconds."""

_LANE: Final = 64
"""Bits of each bucket in a sketch."""

_VERSION: Final = 1
_HEADER: Final = struct.Struct("<BBBBHII")
_FAST: Final = (1, zlib.DEFLATED, 12, 4, zlib.Z_HUFFMAN_ONLY)
_THOROUGH: Final = (6, zlib.DEFLATED, zlib.MAX_WBITS, 4)
"""Arguments of the compression. Small blocks, of which each has a code of its own, suit columns of
different kinds; repetitions are rare, and looking for them saves less than a tenth."""

_COUNT_TYPES: Final = ((2**8, "B"), (2**16, "H"), (2**32, "I"), (2**64, "Q"))

_Number = TypeVar("_Number", int, float)

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
        extras: everything else that was counted.
    """

    __slots__ = (
        "_added",
        "_sketches",
        "counts",
        "errors",
        "extras",
        "longest",
        "shortest",
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
        self._sketches = [0] * GROUP
        self._added: dict[int, tuple[int, Sequence[int]]] = {}
        """Calls of series that have no others yet: what is packed at once is not added up."""
        self.extras: Extras = {}

    @property
    def sketches(self) -> list[int]:
        """The calls of each series by bucket.

        They are numbers with a lane of 64 bits for each bucket of `PLAIN_GRID`, so that adding two
        of them adds all buckets at once.
        """
        for place, (lowest, calls) in self._added.items():
            self._sketches[place] += _sketch(lowest, array("Q", calls))
        self._added.clear()
        return self._sketches

    def add(self, other: Frame) -> None:
        """Add what another frame of the same series has."""
        self.counts = list(map(add, self.counts, other.counts))
        self.errors = list(map(add, self.errors, other.errors))
        self.totals = list(map(add, self.totals, other.totals))
        self.squares = list(map(add, self.squares, other.squares))
        self.shortest = list(map(min, self.shortest, other.shortest))
        self.longest = list(map(max, self.longest, other.longest))
        self._sketches = list(map(add, self.sketches, other.sketches))
        for key, amount in other.extras.items():
            self.extras[key] = self.extras.get(key, 0.0) + amount

    def add_calls(self, place: int, lowest: int, calls: Sequence[int]) -> None:
        """Add calls of one series.

        Args:
            place: of the series in its group.
            lowest: the first bucket of `PLAIN_GRID` that has any.
            calls: in this bucket and in those after it; the last one has some as well.
        """
        if place in self._added or self._sketches[place]:
            self.sketches[place] += _sketch(lowest, array("Q", calls))
        else:
            self._added[place] = lowest, calls

    def lanes(self, place: int) -> tuple[int, Sequence[int]]:
        """Return the first bucket of a series that has calls, and the calls from it on."""
        return self._added.get(place) or _lanes(self._sketches[place])

    def add_buckets(self, place: int, buckets: Mapping[int, int]) -> None:
        """Add calls of one series by bucket of `PLAIN_GRID`, one at least."""
        lowest = min(buckets)
        lanes = range(lowest, max(buckets) + 1)
        self.add_calls(place, lowest, [buckets.get(bucket, 0) for bucket in lanes])

    def buckets_by_place(self) -> dict[int, dict[int, int]]:
        """Return the calls of each series by bucket of `PLAIN_GRID`."""
        return {
            place: {bucket: calls for bucket, calls in enumerate(*_lanes(sketch)[::-1]) if calls}
            for place, sketch in enumerate(self.sketches)
            if sketch
        }

    def places(self) -> list[int]:
        """Return the places of the series that have anything."""
        counted = {place for place, count in enumerate(self.counts) if count}
        return sorted(counted.union(place for place, _ in self.extras))


def _sketch(lowest: int, calls: array[int]) -> int:
    return int.from_bytes(_bytes(calls), "little") << _LANE * lowest


def _lanes(sketch: int) -> tuple[int, array[int]]:
    """Return the lowest bucket of a sketch that is not 0, and the calls from it on."""
    lowest = ((sketch & -sketch).bit_length() - 1) // _LANE
    sketch >>= _LANE * lowest
    size = -(-sketch.bit_length() // _LANE)
    calls: array[int] = array("Q", sketch.to_bytes(8 * size, "little"))
    if sys.byteorder == "big":
        calls.byteswap()
    return lowest, calls


class PlainBuckets(dict[int, int]):
    """The bucket of `PLAIN_GRID` that contains each bucket of another grid.

    Args:
        grid: the other one.
    """

    def __init__(self, grid: BucketGrid) -> None:
        self._grid = grid

    def __missing__(self, bucket: int) -> int:
        plain = self[bucket] = min(self._grid.index(bucket) - ZERO_INDEX, HIGHEST_BUCKET)
        return plain


def pack(frame: Frame, *, thoroughly: bool = False) -> bytes:
    """Return a frame as bytes.

    Args:
        frame: which.
        thoroughly: whether it is worth twice the time to save some percent.
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
        _bytes(array(count_type, counts)),
        _bytes(array(count_type, errors)),
        *(_shuffled(array("d", column)) for column in doubles),
        # Only the standard deviation is made of these.
        _shuffled(array("f", _of_places(frame.squares, places))),
        _bytes(lowest),
        _bytes(sizes),
        _bytes(array(calls_type, calls)),
        text,
    ]
    compressor = zlib.compressobj(*(_THOROUGH if thoroughly else _FAST))
    return compressor.compress(b"".join(parts)) + compressor.flush()


def _of_places(column: list[_Number], places: list[int]) -> list[_Number]:
    return column if len(places) == GROUP else [column[place] for place in places]


class PackedFrame:
    """A frame as it is read: columns of the series that have calls.

    Args:
        packed: the bytes from `pack`.

    Raises:
        StoreError: for bytes that are no frame.
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
        """Add every series to a frame."""
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
            sketches[place] += int.from_bytes(calls[begin:end], "little") << _LANE * lowest
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
            frame.sketches[place] += int.from_bytes(calls, "little") << _LANE * self._lowest[index]
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
        """Return numbers of any width as numbers of 64 bits."""
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


def _bytes(column: array[int] | array[float]) -> bytes:
    if sys.byteorder == "big":
        column.byteswap()
    return column.tobytes()


def _shuffled(column: array[float]) -> bytes:
    """Return all first bytes, then all second ones, and so on: exponents are alike."""
    data = _bytes(column)
    return b"".join(data[byte :: column.itemsize] for byte in range(column.itemsize))


def _count_type(highest: int) -> str:
    return next(typecode for limit, typecode in _COUNT_TYPES if highest < limit)
