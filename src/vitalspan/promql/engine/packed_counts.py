"""Compact native histograms, because many samples of them are kept."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from vitalspan.promql.engine.float_histogram import Counts, FloatHistogram

_SPARSE: Final = 6
"""An array may have this many times more places than counts and still be smaller."""


class PackedCounts(Mapping[int, float]):
    """Counts of buckets by index, in an array: a dictionary takes five times as much memory.

    Args:
        counts: the counts, at least one.
    """

    __slots__ = ("_counts", "_first")

    def __init__(self, counts: Counts) -> None:
        self._first = min(counts)
        self._counts = array("d", bytes(8 * (max(counts) - self._first + 1)))
        for index, count in counts.items():
            self._counts[index - self._first] = count

    def __getitem__(self, index: int) -> float:
        place = index - self._first
        count = self._counts[place] if 0 <= place < len(self._counts) else 0.0
        if not count:
            raise KeyError(index)
        return count

    def __iter__(self) -> Iterator[int]:
        return iter(self.unpacked())

    def __len__(self) -> int:
        return len(self._counts) - self._counts.count(0.0)

    def unpacked(self) -> dict[int, float]:
        """Return the counts as a dictionary, which is faster for computations."""
        return {index: count for index, count in enumerate(self._counts, self._first) if count}


def packed(histogram: FloatHistogram) -> FloatHistogram:
    """Return an equal histogram that takes less memory."""
    return replace(
        histogram, positive=_packed(histogram.positive), negative=_packed(histogram.negative)
    )


def unpacked(histogram: FloatHistogram) -> FloatHistogram:
    """Return an equal histogram that is faster for computations."""
    if not isinstance(histogram.positive, PackedCounts) and not isinstance(
        histogram.negative, PackedCounts
    ):
        return histogram
    return replace(
        histogram, positive=_unpacked(histogram.positive), negative=_unpacked(histogram.negative)
    )


def _packed(counts: Counts) -> Counts:
    if not counts or max(counts) - min(counts) > _SPARSE * len(counts):
        return counts
    return PackedCounts(counts)


def _unpacked(counts: Counts) -> Counts:
    return counts.unpacked() if isinstance(counts, PackedCounts) else counts
