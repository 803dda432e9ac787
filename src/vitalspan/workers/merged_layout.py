"""The layout of the series of several processes together, and the places of each one's in it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from operator import is_
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


_SAME = Placement(None, None)


class MergedLayout:
    """The series of several processes, each with the fine buckets that any of them has.

    Args:
        layouts: of the processes.

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

    def __init__(self, layouts: Sequence[SeriesLayout]) -> None:
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
        placements = {id(one): self._placement(one) for one in distinct}
        self._placements = [placements[id(one)] for one in layouts]

    def is_of(self, layouts: Sequence[SeriesLayout]) -> bool:
        """Whether this is the layout of these processes."""
        return len(layouts) == len(self._layouts) and all(map(is_, layouts, self._layouts))

    def aligned(self, index: int, column: list[T], missing: T) -> list[T]:
        """Return the column of a process with a value for each series.

        Args:
            index: of the process among the layouts.
            column: its values.
            missing: stands for a series that the process does not have.
        """
        slots = self._placements[index].slots
        if slots is None:
            return column
        return list(map([*column, missing].__getitem__, slots))

    def aligned_counts(self, index: int, counts: list[int]) -> list[int]:
        """Return the counts of fine buckets of a process, each where it belongs."""
        ranges = self._placements[index].ranges
        if ranges is None:
            return counts
        aligned = [0] * self.offsets[-1]
        for begin, at, length in ranges:
            aligned[begin : begin + length] = counts[at : at + length]
        return aligned

    def _include(self, layout: SeriesLayout) -> None:
        rows: Any = zip(
            *(layout.keys, layout.boundaries, layout.created),
            *(layout.first, layout.lengths, layout.flags),
            strict=True,
        )
        for key, boundaries, created, first, length, flags in rows:
            slot = self._slots[key]
            self.flags[slot] |= flags
            if created:
                self.created[slot] = min(self.created[slot] or created, created)
            if not length:
                self.boundaries[slot] = self.boundaries[slot] or boundaries
            elif not self._ends[slot]:
                self.boundaries[slot] = boundaries
                self.first[slot], self._ends[slot] = first, first + length
            elif boundaries == self.boundaries[slot]:
                self.first[slot] = min(self.first[slot], first)
                self._ends[slot] = max(self._ends[slot], first + length)
            else:
                self.differing.add(slot)

    def _placement(self, layout: SeriesLayout) -> Placement:
        if layout.keys == self.keys and layout.lengths == self.lengths:
            return _SAME
        places = {key: place for place, key in enumerate(layout.keys)}
        missing = len(places)
        slots = [places.get(key, missing) for key in self.keys]
        ranges = []
        for place, key in enumerate(layout.keys):
            slot, length = self._slots[key], layout.lengths[place]
            if length and slot not in self.differing:
                begin = self.offsets[slot] + layout.first[place] - self.first[slot]
                ranges.append((begin, layout.offsets[place], length))
        return Placement(slots, ranges)
