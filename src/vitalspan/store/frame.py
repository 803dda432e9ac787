"""Frames: the counts of a few series in one interval.

A frame has up to 32 series, so that not every series needs a row at each tick, and not all series
have to be read for a query about one. It has a column for each value, and durations as counts in
the base-2 buckets of scale 3, which can be added to those of any other frame.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Mapping, Sequence
from operator import add
from typing import Final

from vitalspan.recording.buckets import ZERO_INDEX, BucketGrid, grid_of

GROUP: Final = 32
"""The number of series in a frame."""

PLAIN_GRID: Final = grid_of(())
"""The buckets of stored durations: only those of scale 3."""

HIGHEST_BUCKET: Final = 2047
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
        """Calls of series without any others, which can be packed without adding."""
        self.extras: Extras = {}

    @property
    def sketches(self) -> list[int]:
        """The calls of each series by bucket.

        These are integers with 64 bits for each bucket of `PLAIN_GRID`, so that adding two of them
        adds all buckets at once.
        """
        for place, (lowest, calls) in self._added.items():
            self._sketches[place] += _sketch(lowest, array("Q", calls))
        self._added.clear()
        return self._sketches

    def add(self, other: Frame) -> None:
        """Add another frame of the same series."""
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
            place: the place of the series in its group.
            lowest: the first non-empty bucket of `PLAIN_GRID`.
            calls: the counts of this bucket and the following ones; the last one is not empty.
        """
        if place in self._added or self._sketches[place]:
            self.sketches[place] += _sketch(lowest, array("Q", calls))
        else:
            self._added[place] = lowest, calls

    def lanes(self, place: int) -> tuple[int, Sequence[int]]:
        """Return the first non-empty bucket of a series, and the counts from that bucket on."""
        return self._added.get(place) or _lanes(self._sketches[place])

    def add_buckets(self, place: int, buckets: Mapping[int, int]) -> None:
        """Add calls of one series by bucket of `PLAIN_GRID`, at least one."""
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
        """Return the places of the series that have any data."""
        counted = {place for place, count in enumerate(self.counts) if count}
        return sorted(counted.union(place for place, _ in self.extras))


def _sketch(lowest: int, calls: array[int]) -> int:
    return int.from_bytes(little_endian(calls), "little") << LANE * lowest


def _lanes(sketch: int) -> tuple[int, array[int]]:
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
        plain = self[bucket] = min(self._grid.index(bucket) - ZERO_INDEX, HIGHEST_BUCKET)
        return plain


def little_endian(column: array[int] | array[float]) -> bytes:
    """Return the bytes of a column in little-endian order on every platform."""
    if sys.byteorder == "big":
        column.byteswap()
    return column.tobytes()
