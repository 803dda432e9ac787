"""The merged layout of the series of several processes, and where each process' values go."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from operator import is_, itemgetter
from typing import Any, NamedTuple, TypeVar

from vitalspan.workers.series_columns import SeriesLayout

T = TypeVar("T")


class Placement(NamedTuple):
    """The places of one process' series among those of all processes.

    Attributes:
        slots: for each merged series, its place in the columns of the process; one past the last
            place if the process does not have it. None if all have the same places.
        ranges: for counts: target, source and length. None if all have the same places.
    """

    slots: list[int] | None
    ranges: list[tuple[int, int, int]] | None


class MergedLayout:
    """The series of several processes, each with the fine buckets that any of them has.

    Args:
        layouts: the layouts of the processes.
        before: the previous merged layout, whose places are reused if they are still right.

    Attributes:
        keys: the keys of the series.
        boundaries: their bucket boundaries; if they differ, those of the first process that has
            them.
        created: when the first of the processes started to count; 0 if that is unknown.
        first: the first fine bucket of each series.
        lengths: the number of fine buckets of each series; 0 if the boundaries differ.
        offsets: where they begin among those of all series.
        flags: the flags that any of the processes has set.
        differing: the series whose bucket boundaries differ between processes.
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
        """Whether this layout was made of these layouts."""
        return len(layouts) == len(self._layouts) and all(map(is_, layouts, self._layouts))

    def aligned(self, index: int, column: Sequence[T], missing: T) -> Sequence[T]:
        """Return a process' column with a value for each merged series.

        Args:
            index: the index of the process' layout.
            column: the values.
            missing: the value for a series that the process does not have.
        """
        slots = self._placements[index].slots
        if slots is None:
            return column
        values = [*column, missing]
        # For a single place, `itemgetter` does not return a tuple.
        return itemgetter(*slots)(values) if len(slots) > 1 else [values[slots[0]]]

    def aligned_counts(self, index: int, counts: bytes, width: int) -> bytes | bytearray:
        """Return a process' fine bucket counts, each at its merged place.

        Args:
            index: the index of the process' layout.
            counts: the counts.
            width: the number of bytes of each count.
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
