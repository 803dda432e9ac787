"""The calls of each entry of a time series, by fine bucket."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

_WIDER: Final = {"B": "H", "H": "I", "I": "Q"}


class EntryBuckets:
    """The non-empty buckets of each entry, with the calls since the entry before.

    They are in flat arrays of the narrowest types that hold them: most of the memory of a history
    is in its buckets.

    Args:
        size: the number of entries without calls that there are already.

    Attributes:
        ends: for each entry, the index after its last bucket.
        indexes: the buckets of all entries.
        calls: the number of calls in each of them.
    """

    __slots__ = ("calls", "ends", "indexes")

    def __init__(self, size: int = 0) -> None:
        self.ends = array("I", bytes(4 * size))
        self.indexes: array[int] = array("B")
        self.calls: array[int] = array("B")

    def append(self, buckets: Mapping[int, int]) -> None:
        """Add an entry with these calls by bucket."""
        self.indexes = _extended(self.indexes, buckets.keys())
        self.calls = _extended(self.calls, buckets.values())
        self.ends.append(len(self.indexes))

    def prepend(self, entries: Iterable[Mapping[int, int]]) -> None:
        """Insert entries with these calls by bucket before the first one."""
        before = EntryBuckets()
        for buckets in entries:
            before.append(buckets)
        shift = len(before.indexes)
        self.indexes = _extended(before.indexes, self.indexes.tolist())
        self.calls = _extended(before.calls, self.calls.tolist())
        self.ends = before.ends + array("I", [end + shift for end in self.ends])

    def clear_first(self) -> None:
        """Remove the calls of the first entry."""
        calls = self.ends[0]
        del self.indexes[:calls], self.calls[:calls]
        self.ends = array("I", [end - calls for end in self.ends])

    def of(self, entry: int) -> tuple[array[int], array[int]]:
        """Return the buckets of an entry, and the number of calls in each."""
        begin, end = (self.ends[entry - 1] if entry else 0), self.ends[entry]
        return self.indexes[begin:end], self.calls[begin:end]

    def add_to(self, sums: dict[int, int], first: int, after: int, sign: int = 1) -> None:
        """Add the calls of some entries, by bucket, to sums, or subtract them.

        Args:
            sums: the calls by fine bucket.
            first: the first entry.
            after: the index after the last entry.
            sign: 1 or -1.
        """
        if first >= after:
            return
        ends = self.ends
        begin, end = (ends[first - 1] if first else 0), ends[after - 1]
        for bucket, calls in zip(self.indexes[begin:end], self.calls[begin:end], strict=True):
            sums[bucket] = sums.get(bucket, 0) + sign * calls

    def keep(self, kept: Sequence[int], first: int) -> None:
        """Keep only some entries, each with the calls of those that are dropped before it.

        Args:
            kept: the entries.
            first: the first entry whose calls are kept.
        """
        result = EntryBuckets()
        for entry in kept:
            merged: dict[int, int] = {}
            self.add_to(merged, first, entry + 1)
            result.append(merged)
            first = entry + 1
        self.indexes, self.calls, self.ends = result.indexes, result.calls, result.ends


def _extended(numbers: array[int], more: Collection[int]) -> array[int]:
    """Append numbers, to an array of a wider type if they are too large for this one."""
    size = len(numbers)
    try:
        numbers.extend(more)
    except OverflowError:
        del numbers[size:]
        return _extended(array(_WIDER[numbers.typecode], numbers), more)
    return numbers
