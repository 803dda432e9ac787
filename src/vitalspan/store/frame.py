"""Frames: what a few series counted in one interval.

A frame has up to 32 series, so that neither one row for each series and tick has to be written,
nor every series has to be read when somebody asks about one. It has a column for each figure, and
durations as counts in the base-2 buckets of scale 3, which can be added to those of any other
frame.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Mapping, Sequence
from operator import add
from typing import Final

from vitalspan.recording.buckets import ZERO_INDEX, BucketGrid, grid_of

GROUP: Final = 32
"""Series of one frame."""

PLAIN_GRID: Final = grid_of(())
"""The buckets of stored durations: those of scale 3 and no others."""

HIGHEST_BUCKET: Final = 2047
"""The highest bucket that is stored, which ends after 10^70 seconds."""

LANE: Final = 64
"""Bits of each bucket in a sketch."""

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
    return int.from_bytes(little_endian(calls), "little") << LANE * lowest


def _lanes(sketch: int) -> tuple[int, array[int]]:
    """Return the lowest bucket of a sketch that is not 0, and the calls from it on."""
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
        grid: the other one.
    """

    def __init__(self, grid: BucketGrid) -> None:
        self._grid = grid

    def __missing__(self, bucket: int) -> int:
        plain = self[bucket] = min(self._grid.index(bucket) - ZERO_INDEX, HIGHEST_BUCKET)
        return plain


def little_endian(column: array[int] | array[float]) -> bytes:
    """Return the bytes of a column, the least of each number first, wherever this runs."""
    if sys.byteorder == "big":
        column.byteswap()
    return column.tobytes()
