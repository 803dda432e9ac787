"""Frames: the counts of a few series in one interval.

A frame has up to 32 series, so that not every series needs a row at each tick, and not all series
have to be read for a query about one. It has a column for each value, and durations as counts in
the base-2 buckets of scale 3, which can be added to those of any other frame.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, compress, count, repeat
from operator import add, lt, mul
from typing import Final, NamedTuple

from vitalspan.recording.buckets import ZERO_INDEX, BucketGrid, grid_of
from vitalspan.store.column_bytes import little_endian

GROUP: Final = 32
"""The number of series in a frame."""

PLAIN_GRID: Final = grid_of(())
"""The buckets of stored durations: only those of scale 3."""

HIGHEST_BUCKET: Final = 2047
"""The highest bucket that can be stored, which ends at 10^70 seconds."""

LANE: Final = 64
"""The number of bits for each bucket in a sketch."""

_PLACES: Final = [bytes([place]) for place in range(GROUP)]

Extras = dict[tuple[int, str], float]
"""Further counts, by series and column, such as `error:ValueError` or `hits`."""


class SparseBuckets(NamedTuple):
    """Calls by bucket of `PLAIN_GRID`, without empty buckets, of one series after the other.

    Attributes:
        places: the places of the series in their group; one may be there several times.
        sizes: the number of buckets of each of these series.
        buckets: all their buckets, some perhaps twice.
        calls: the number of calls in each of these buckets.
    """

    places: Sequence[int]
    sizes: Sequence[int]
    buckets: Sequence[int]
    calls: Sequence[int]

    def series(self) -> Iterator[tuple[int, Sequence[int], Sequence[int]]]:
        """Yield the place, the buckets and the calls of each series."""
        begin = 0
        for place, size in zip(self.places, self.sizes, strict=True):
            end = begin + size
            yield place, self.buckets[begin:end], self.calls[begin:end]
            begin = end

    def is_ordered(self) -> bool:
        """Return whether there is each series once, in ascending order."""
        return all(map(lt, self.places, self.places[1:]))

    @classmethod
    def of(cls, by_place: Mapping[int, Mapping[int, int]]) -> SparseBuckets:
        """Return the buckets of series by their places."""
        each = by_place.values()
        return cls(
            list(by_place),
            list(map(len, each)),
            [bucket for buckets in each for bucket in buckets],
            [number for buckets in each for number in buckets.values()],
        )


class Frame:
    """The sums of up to 32 series over one interval, or over several.

    Attributes:
        counts: the calls of each series, by its place in the group.
        errors: the failed calls.
        totals: the sums of their durations in seconds.
        squares: the sums of the squares of their durations.
        shortest: the shortest durations; infinite without any.
        longest: the longest durations; negative infinity without any.
        extras: all other counts.
    """

    __slots__ = (
        "_sketches",
        "_sparse",
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
        # A frame that is packed at once never needs its sketches.
        self._sparse: list[SparseBuckets] = []
        self._sketches: list[int] = []
        self.extras: Extras = {}

    @property
    def sketches(self) -> list[int]:
        """The calls of each series by bucket.

        These are integers with 64 bits for each bucket of `PLAIN_GRID`, so that adding two of them
        adds all buckets at once.
        """
        if not self._sketches:
            self._sketches = [0] * GROUP
        if self._sparse:
            for place, (lowest, calls) in _added(self._sparse).items():
                self._sketches[place] += sketch_of(lowest, calls)
            self._sparse = []
        return self._sketches

    def plus(self, other: Frame) -> Frame:
        """Return a frame of what both have, for the same series.

        It does not grow when more is added to the same buckets.
        """
        result = Frame()
        result.add(self)
        result.add(other)
        result._sketches = result.sketches
        return result

    def add(self, other: Frame) -> None:
        """Add another frame of the same series."""
        self.add_columns(other)
        self._sparse += other._sparse
        if other._sketches:
            self._sketches = list(map(add, self.sketches, other._sketches))

    def add_columns(self, other: Frame) -> None:
        """Add another frame of the same series, without its buckets."""
        self.counts = list(map(add, self.counts, other.counts))
        self.errors = list(map(add, self.errors, other.errors))
        self.totals = list(map(add, self.totals, other.totals))
        self.squares = list(map(add, self.squares, other.squares))
        self.shortest = list(map(min, self.shortest, other.shortest))
        self.longest = list(map(max, self.longest, other.longest))
        for key, amount in other.extras.items():
            self.extras[key] = self.extras.get(key, 0.0) + amount

    def add_sparse(self, sparse: SparseBuckets) -> None:
        """Add calls of some series by bucket."""
        self._sparse.append(sparse)

    def add_buckets(self, place: int, buckets: Mapping[int, int]) -> None:
        """Add calls of one series by bucket of `PLAIN_GRID`."""
        self.add_sparse(SparseBuckets.of({place: buckets}))

    def lanes_by_place(self) -> dict[int, tuple[int, array[int]]]:
        """Return the calls of each series as the lowest bucket, and the calls from it on."""
        if not self._sketches:
            return _added(self._sparse)
        return {place: lanes(sketch) for place, sketch in enumerate(self.sketches) if sketch}

    def buckets_by_place(self) -> dict[int, dict[int, int]]:
        """Return the calls of each series by bucket of `PLAIN_GRID`."""
        return {
            place: {bucket: number for bucket, number in enumerate(calls, lowest) if number}
            for place, (lowest, calls) in self.lanes_by_place().items()
        }

    def sparse_buckets(self) -> SparseBuckets:
        """Return the calls by bucket, with each series once, in the order of their places."""
        if not self._sketches and len(self._sparse) == 1 and self._sparse[0].is_ordered():
            return self._sparse[0]
        return SparseBuckets.of(self.buckets_by_place())

    def counted(self) -> list[int]:
        """Return the places of the series that have calls."""
        return [place for place, count in enumerate(self.counts) if count]

    def places(self) -> list[int]:
        """Return the places of the series that have any data."""
        return sorted({*self.counted(), *(place for place, _ in self.extras)})


def _added(sparse: Sequence[SparseBuckets]) -> dict[int, tuple[int, array[int]]]:
    """Return the calls of each series as the lowest bucket, and the calls from it on."""
    try:
        keys: list[Sequence[int]] = [_short_keys(one) for one in sparse]
        size = 256
    except ValueError:
        keys = [_long_keys(one) for one in sparse]
        size = HIGHEST_BUCKET + 1
    # A list takes half the time of a dictionary here.
    sums = [0] * (size * GROUP)
    for these, one in zip(keys, sparse, strict=True):
        for key, number in zip(these, one.calls, strict=True):
            sums[key] += number
    result = {}
    for place in sorted({place for one in sparse for place in one.places}):
        calls = sums[size * place : size * (place + 1)]
        lowest = next(compress(count(), calls), None)
        if lowest is not None:
            after = size - next(compress(count(), reversed(calls)))
            result[place] = lowest, array("Q", calls[lowest:after])
    return result


def _short_keys(sparse: SparseBuckets) -> array[int]:
    """Return each bucket as a number whose upper byte is the place, if they all fit a byte."""
    keys = bytearray(2 * len(sparse.buckets))
    lower = 0 if sys.byteorder == "little" else 1
    keys[lower::2] = bytes(sparse.buckets)
    keys[1 - lower :: 2] = b"".join(map(mul, map(_PLACES.__getitem__, sparse.places), sparse.sizes))
    return array("H", bytes(keys))


def _long_keys(sparse: SparseBuckets) -> list[int]:
    """Return each bucket as a number whose upper bits are the place."""
    size = HIGHEST_BUCKET + 1
    places = chain.from_iterable(map(repeat, sparse.places, sparse.sizes))
    return [size * place + bucket for place, bucket in zip(places, sparse.buckets, strict=True)]


def sketch_of(lowest: int, calls: Sequence[int]) -> int:
    """Return the sketch of calls in successive buckets of `PLAIN_GRID`."""
    return int.from_bytes(little_endian(array("Q", calls)), "little") << LANE * lowest


def lanes(sketch: int) -> tuple[int, array[int]]:
    """Return the lowest non-empty bucket of a sketch, and the counts from that bucket on."""
    lowest = ((sketch & -sketch).bit_length() - 1) // LANE
    sketch >>= LANE * lowest
    size = -(-sketch.bit_length() // LANE)
    calls: array[int] = array("Q", sketch.to_bytes(8 * size, "little"))
    if sys.byteorder == "big":
        calls.byteswap()
    return lowest, calls


class PlainBuckets(dict[int, int]):
    """The bucket of `PLAIN_GRID` that contains each bucket of another grid.

    Args:
        grid: the other grid.
    """

    def __init__(self, grid: BucketGrid) -> None:
        self._grid = grid

    def __missing__(self, bucket: int) -> int:
        plain = min(self._grid.index(bucket) - ZERO_INDEX, HIGHEST_BUCKET)
        self[bucket] = plain
        return plain
