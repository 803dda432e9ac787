"""Frames: the counts of a few series in one interval.

A frame has up to 32 series, so that not every series needs a row at each tick, and not all series
have to be read for a query about one. It has a column for each value, and durations as counts in
the base-2 buckets of scale 3, which can be added to those of any other frame.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from operator import add
from typing import Final

from vitalspan.recording.buckets import ZERO_INDEX, BucketGrid, grid_of
from vitalspan.store.column_bytes import little_endian

GROUP: Final = 32
"""The number of series in a frame."""

PLAIN_GRID: Final = grid_of(())
"""The buckets of stored durations: only those of scale 3."""

_BUCKET_BITS: Final = 11

HIGHEST_BUCKET: Final = 2**_BUCKET_BITS - 1
"""The highest bucket that can be stored, which ends at 10^70 seconds."""

LANE: Final = 64
"""The number of bits for each bucket in a sketch."""

Extras = dict[tuple[int, str], float]
"""Further counts, by series and column, such as `error:ValueError` or `hits`."""


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
        "_calls",
        "_keys",
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
        # A frame that is packed at once never needs its sketches.
        self._keys: list[int] = []
        self._calls: array[int] = array("H")
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
        if self._keys:
            for place, buckets in _by_place(self._keys, self._calls).items():
                calls = [buckets.get(bucket, 0) for bucket in range(min(buckets), max(buckets) + 1)]
                self._sketches[place] += sketch_of(min(buckets), calls)
            self._keys, self._calls = [], array("H")
        return self._sketches

    def plus(self, other: Frame) -> Frame:
        """Return a frame of what both have, for the same series.

        It has each bucket once, so it does not grow when more is added to the same buckets.
        """
        added = Frame()
        added.add(self)
        added.add(other)
        result = Frame()
        result.add_columns(added)
        for place, buckets in added.buckets_by_place().items():
            result.add_buckets(place, buckets)
        return result

    def add(self, other: Frame) -> None:
        """Add another frame of the same series."""
        self.add_columns(other)
        self.add_pairs(other._keys, other._calls)
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

    def add_pairs(self, keys: Iterable[int], calls: array[int]) -> None:
        """Add calls by bucket.

        Args:
            keys: the `bucket_key` of each bucket.
            calls: the number of calls in each of these buckets.
        """
        self._keys.extend(keys)
        try:
            self._calls.extend(calls)
        except TypeError:
            # One of them is of a wider type.
            self._calls = array("Q", [*self._calls, *calls])

    def add_buckets(self, place: int, buckets: Mapping[int, int]) -> None:
        """Add calls of one series by bucket of `PLAIN_GRID`."""
        keys = (bucket_key(place, bucket) for bucket in buckets)
        typecode = "H" if max(buckets.values(), default=0) < 1 << 16 else "Q"
        self.add_pairs(keys, array(typecode, buckets.values()))

    def buckets_by_place(self) -> dict[int, dict[int, int]]:
        """Return the calls of each series by bucket of `PLAIN_GRID`."""
        result = _by_place(self._keys, self._calls)
        for place, sketch in enumerate(self._sketches):
            if sketch:
                lowest, calls = lanes(sketch)
                buckets = result.setdefault(place, {})
                for bucket, number in enumerate(calls, lowest):
                    if number:
                        buckets[bucket] = buckets.get(bucket, 0) + number
        return result

    def pairs(self) -> tuple[list[int], array[int]]:
        """Return the keys of all buckets that have calls, some perhaps twice, and these calls."""
        if not self._sketches:
            return self._keys, self._calls
        whole = Frame()
        for place, buckets in self.buckets_by_place().items():
            whole.add_buckets(place, buckets)
        return whole.pairs()

    def counted(self) -> list[int]:
        """Return the places of the series that have calls."""
        return [place for place, count in enumerate(self.counts) if count]

    def places(self) -> list[int]:
        """Return the places of the series that have any data."""
        return sorted({*self.counted(), *(place for place, _ in self.extras)})


def bucket_key(place: int, bucket: int) -> int:
    """Return the number, of 16 bits, that stands for a bucket of a series."""
    return place << _BUCKET_BITS | bucket


def _by_place(keys: Sequence[int], calls: Sequence[int]) -> dict[int, dict[int, int]]:
    if not keys:
        return {}
    # A list takes half the time of a dictionary here, with room for all buckets of a few series.
    lowest = min(keys)
    sums = [0] * (max(keys) - lowest + 1)
    for key, number in zip(keys, calls, strict=True):
        sums[key - lowest] += number
    result: dict[int, dict[int, int]] = {}
    for key in set(keys):
        place = key >> _BUCKET_BITS
        if place in result:
            result[place][key & HIGHEST_BUCKET] = sums[key - lowest]
        else:
            result[place] = {key & HIGHEST_BUCKET: sums[key - lowest]}
    return result


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
        first: a number to add to every bucket, such as the first `bucket_key` of a place.
    """

    def __init__(self, grid: BucketGrid, first: int = 0) -> None:
        self._grid = grid
        self._first = first

    def __missing__(self, bucket: int) -> int:
        plain = min(self._grid.index(bucket) - ZERO_INDEX, HIGHEST_BUCKET)
        number = self[bucket] = self._first + plain
        return number
