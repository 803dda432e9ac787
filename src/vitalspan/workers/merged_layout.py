"""The layout of the series of several processes together, and the places of each one's in it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from operator import is_, itemgetter
from typing import Any, NamedTuple, TypeVar

from vitalspan.workers.series_columns import SeriesLayout

T = TypeVar("T")


class Placement(NamedTuple):
    """The places of the series of one process among those of all.

    Attributes:
        slots: for each series of all, its place in the columns of the process; one past the last
            for a series that the process does not have. None if all have the same places.
        ranges: of counts: where they belong, where they are, and how many. None likewise.
    """

    slots: list[int] | None
    ranges: list[tuple[int, int, int]] | None


class MergedLayout:
    """The series of several processes, each with the fine buckets that any of them has.

    Args:
        layouts: of the processes.
        before: what they were before, of which the places that are still right are kept.

    Attributes:
        keys: of each series.
        boundaries: its bucket boundaries; of the first process that has them, if they differ.
        created: when the first of the processes began to count; 0 if that is unknown.
        first: its first fine bucket.
        lengths: how many fine buckets it has; 0 if the boundaries differ.
        offsets: where they begin among those of all series.
        flags: those that any of the processes has.
        differing: the series whose processes have different bucket boundaries.
    """

    def __init__(self, layouts: Sequence[SeriesLayout], before: MergedLayout | None = None) -> None:
        self._layouts = tuple(layouts)
        distinct = list({id(one): one for one in layouts}.values())
        self.keys = list(dict.fromkeys(key for one in distinct for key in one.keys))
        self._slots = {key: slot for slot, key in enumerate(self.keys)}
        size = len(self.keys)
        self.boundaries: list[tuple[float, ...]] = [()] * size
        self.created = [0.0] * size
        self.first, self._ends = [0] * size, [0] * size
        self.flags = [0] * size
        self.differing: set[int] = set()
        for layout in distinct:
            self._include(layout)
        for slot in self.differing:
            self._ends[slot] = self.first[slot]
        self.lengths = [end - begin for begin, end in zip(self.first, self._ends, strict=True)]
        self.offsets = list(accumulate(self.lengths, initial=0))
        placements = {} if before is None else self._placements_before(before)
        for one in distinct:
            if id(one) not in placements:
                placements[id(one)] = self._placement(one)
        self._placements = [placements[id(one)] for one in layouts]

    def is_of(self, layouts: Sequence[SeriesLayout]) -> bool:
        """Whether these are the layouts that this one was made of."""
        return len(layouts) == len(self._layouts) and all(map(is_, layouts, self._layouts))

    def aligned(self, index: int, column: Sequence[T], missing: T) -> Sequence[T]:
        """Return the column of a process with a value for each series.

        Args:
            index: of the process among the layouts.
            column: its values.
            missing: stands for a series that the process does not have.
        """
        slots = self._placements[index].slots
        if slots is None:
            return column
        values = [*column, missing]
        # It returns no tuple for a single place.
        return itemgetter(*slots)(values) if len(slots) > 1 else [values[slots[0]]]

    def aligned_counts(self, index: int, counts: bytes, width: int) -> bytes | bytearray:
        """Return the counts of fine buckets of a process, each where it belongs.

        Args:
            index: of the process among the layouts.
            counts: its counts.
            width: the bytes that each of them has.
        """
        ranges = self._placements[index].ranges
        if ranges is None:
            return counts
        aligned = bytearray(self.offsets[-1] * width)
        for begin, at, length in ranges:
            place, size = begin * width, length * width
            aligned[place : place + size] = counts[at * width : at * width + size]
        return aligned

    def _include(self, layout: SeriesLayout) -> None:
        known, firsts, ends, created_at = self.boundaries, self.first, self._ends, self.created
        rows: Any = zip(
            *(map(self._slots.__getitem__, layout.keys), layout.boundaries, layout.created),
            *(layout.first, layout.lengths, layout.flags),
            strict=True,
        )
        for slot, boundaries, created, first, length, flags in rows:
            self.flags[slot] |= flags
            if created and not 0.0 < created_at[slot] <= created:
                created_at[slot] = created
            if not length:
                known[slot] = known[slot] or boundaries
            elif not ends[slot]:
                known[slot] = boundaries
                firsts[slot], ends[slot] = first, first + length
            elif boundaries is known[slot] or boundaries == known[slot]:
                firsts[slot] = min(firsts[slot], first)
                ends[slot] = max(ends[slot], first + length)
            else:
                self.differing.add(slot)

    def _placements_before(self, before: MergedLayout) -> dict[int, Placement]:
        if (
            before.keys != self.keys
            or before.first != self.first
            or before.lengths != self.lengths
            or before.differing != self.differing
        ):
            return {}
        return dict(zip(map(id, before._layouts), before._placements, strict=True))

    def _placement(self, layout: SeriesLayout) -> Placement:
        slots = None
        if layout.keys != self.keys:
            places = {key: place for place, key in enumerate(layout.keys)}
            missing = len(places)
            slots = [places.get(key, missing) for key in self.keys]
        ranges: list[tuple[int, int, int]] = []
        begin = at = length = 0
        for slot, place, first, size in zip(
            *(map(self._slots.__getitem__, layout.keys), layout.offsets),
            *(layout.first, layout.lengths),
            strict=True,
        ):
            if not size or slot in self.differing:
                continue
            belongs = self.offsets[slot] + first - self.first[slot]
            if (belongs, place) == (begin + length, at + length):
                length += size
            else:
                ranges.append((begin, at, length))
                begin, at, length = belongs, place, size
        ranges.append((begin, at, length))
        counts = sum(layout.groups.values())
        same = ranges == [(0, 0, counts)]
        return Placement(slots, None if same and counts == self.offsets[-1] else ranges)
