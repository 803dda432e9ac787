"""A histogram of durations, from which classic and exponential ones are computed exactly."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate, chain, islice, repeat
from operator import sub
from typing import Final, NamedTuple

from vitalspan.recording.buckets import SCALE, ZERO_THRESHOLD, BucketGrid, grid_of
from vitalspan.recording.exponential_buckets import ExponentialBuckets

_STEP: Final = 8
"""The number of buckets to make room for at a time, at most an octave."""


class Spread(NamedTuple):
    """Exact statistics of durations that buckets cannot provide.

    Attributes:
        squares: the sum of their squares, in seconds squared.
        shortest: the shortest duration in seconds; infinite without any.
        longest: the longest duration in seconds; negative infinity without any.
    """

    squares: float = 0.0
    shortest: float = float("inf")
    longest: float = float("-inf")

    def plus(self, other: Spread) -> Spread:
        """Return the spread of both sets of durations."""
        return Spread(
            self.squares + other.squares,
            min(self.shortest, other.shortest),
            max(self.longest, other.longest),
        )


NO_SPREAD: Final = Spread()
"""The spread of no durations."""


class DurationHistogram:
    """The number of durations in each fine bucket of a grid, and their sum.

    The aggregator replaces a series' histogram with the result of `plus` and never changes it, so a
    reader always has consistent counts.

    Args:
        grid: the buckets.

    Attributes:
        grid: the buckets.
        exported: the durations in each exported bucket, not cumulative, with `+Inf` last.
        count: the number of durations.
        total: their sum in seconds.
        squares: the sum of their squares.
        shortest: the shortest duration in seconds; infinite without any.
        longest: the longest duration in seconds; negative infinity without any.
    """

    __slots__ = ("_fine", "count", "exported", "grid", "longest", "shortest", "squares", "total")

    def __init__(self, grid: BucketGrid) -> None:
        self.grid = grid
        self.exported: array[int] = _zeros("I", len(grid.boundaries) + 1)
        self._fine: tuple[int, array[int]] = (0, array("I"))
        """The first bucket that has room, and the counts from that bucket on."""
        self.count = 0
        self.total = 0.0
        # Separate attributes, because a `Spread` would take as much memory again.
        self.squares, self.shortest, self.longest = NO_SPREAD

    @property
    def spread(self) -> Spread:
        """The sum of the squares, the shortest and the longest duration."""
        return Spread(self.squares, self.shortest, self.longest)

    def add(self, buckets: Mapping[int, int], total: float, spread: Spread = NO_SPREAD) -> None:
        """Add durations.

        Args:
            buckets: the number of durations by fine bucket.
            total: their sum in seconds.
            spread: the statistics that the buckets do not provide; by default they are unchanged.
        """
        first, fine = self._fine
        exported, exported_of = self.exported, self.grid.exported_of
        for bucket, durations in buckets.items():
            try:
                if bucket < first:
                    raise IndexError  # noqa: TRY301 - a call would cost what this saves
                fine[bucket - first] += durations
            except (IndexError, OverflowError):
                first, fine = self._increase_fine(bucket, durations)
            try:
                exported[exported_of[bucket]] += durations
            except (IndexError, OverflowError):
                exported = self._increase_exported(bucket, durations)
        self.count += sum(buckets.values())
        self.total += total
        squares, shortest, longest = spread
        self.squares += squares
        # Calling `min` and `max` would cost more than everything else here.
        if shortest < self.shortest:  # noqa: PLR1730
            self.shortest = shortest
        if longest > self.longest:  # noqa: PLR1730
            self.longest = longest

    def plus(
        self, buckets: Mapping[int, int], total: float, spread: Spread = NO_SPREAD
    ) -> DurationHistogram:
        """Return a histogram of these durations and of more, given as in `add`."""
        result = DurationHistogram.__new__(DurationHistogram)
        first, fine = self._fine
        result.grid = self.grid
        result._fine = first, fine[:]  # noqa: SLF001 - of the same class
        result.exported = self.exported[:]
        result.count = self.count
        result.total = self.total
        result.squares = self.squares
        result.shortest = self.shortest
        result.longest = self.longest
        result.add(buckets, total, spread)
        return result

    def items(self) -> Iterator[tuple[int, int]]:
        """Yield the indexes of the non-empty fine buckets, ascending, and their counts."""
        first, fine = self._fine
        return ((bucket, count) for bucket, count in enumerate(fine, first) if count)

    def since(self, earlier: DurationHistogram) -> dict[int, int]:
        """Return the fine buckets with more durations than earlier, and how many more.

        Args:
            earlier: the histogram of some of the durations, in the same grid.
        """
        first, fine = self._fine
        known_first, known = earlier._fine
        listed = islice(known, max(0, first - known_first), None)
        before = chain(repeat(0, max(0, known_first - first)), listed, repeat(0))
        differences = enumerate(map(sub, fine, before), first)
        return {bucket: more for bucket, more in differences if more > 0}

    def listed(self) -> tuple[int, list[int]]:
        """Return the first listed bucket, and the counts from that bucket on."""
        first, fine = self._fine
        return first, fine.tolist()

    def cumulative(self) -> tuple[int, ...]:
        """Return the cumulative counts of a classic histogram, with `+Inf` last."""
        return tuple(accumulate(self.exported))

    def exponential(self, scale: int = SCALE) -> ExponentialBuckets:
        """Return the counts of an exponential histogram.

        Args:
            scale: the scale of its buckets.

        Raises:
            ValueError: for a scale above 3.
        """
        grid = self.grid
        first, fine = self._fine
        counts = fine.tolist()
        zeros = 0
        if first < grid.zero_buckets:
            in_zero_bucket = grid.zero_buckets - first
            zeros = sum(counts[:in_zero_bucket])
            del counts[:in_zero_bucket]
            first = grid.zero_buckets
        # From the end, because each of them moves the ones after it.
        parts = grid.divided
        for bucket in reversed(parts[bisect_right(parts, first) :]):
            if bucket < first + len(counts):
                place = bucket - first
                counts[place - 1] += counts.pop(place)
        buckets = ExponentialBuckets.trimmed(
            SCALE, ZERO_THRESHOLD, zeros, grid.index(first), counts
        )
        return buckets if scale == SCALE else buckets.downscaled(scale)

    @classmethod
    def of(
        cls,
        grid: BucketGrid,
        first: int,
        fine: list[int],
        total: float,
        spread: Spread = NO_SPREAD,
    ) -> DurationHistogram:
        """Return the histogram of durations that are counted already.

        Args:
            grid: the buckets.
            first: the first fine bucket that is listed.
            fine: the counts of this bucket and of the following ones.
            total: the sum of the durations in seconds.
            spread: the statistics that the buckets do not provide.
        """
        result = cls(grid)
        result.total = total
        result.squares, result.shortest, result.longest = spread
        if fine:
            totals = list(accumulate(fine))
            result.count = totals[-1]
            ends = grid.exported_ends
            begin, after = bisect_left(ends, first), bisect_left(ends, first + len(fine))
            below = [0] * begin
            below += [totals[end - first] for end in ends[begin:after]]
            below += [result.count] * (len(ends) - after)
            result.exported = _smallest(map(sub, (*below, result.count), (0, *below)), result.count)
            result._fine = first, _smallest(fine, result.count)
        return result

    def merged(self, other: DurationHistogram) -> DurationHistogram:
        """Return the histogram of both sets of durations, exactly.

        If their exported boundaries differ, only the common ones are kept, because the counts at
        the others are unknown.
        """
        grid = self.grid
        if grid is not other.grid and grid.boundaries != other.grid.boundaries:
            common = set(other.grid.boundaries)
            grid = grid_of(tuple(bound for bound in grid.boundaries if bound in common))
        result = self.rebucketed(grid)
        result.include(other)
        return result

    def rebucketed(self, grid: BucketGrid) -> DurationHistogram:
        """Return the same durations in another grid.

        It is exact if all exported boundaries of the grid are among the present ones.
        """
        result = DurationHistogram(grid)
        result.include(self)
        return result

    def include(self, other: DurationHistogram) -> None:
        """Add the durations of another histogram, put into this grid as by `rebucketed`."""
        total, buckets = other.total, dict(other.items())
        if other.grid is not self.grid:
            buckets = _translated(buckets, other.grid, self.grid)
        if buckets:
            self.add(buckets, total, other.spread)

    def _increase_fine(self, bucket: int, durations: int) -> tuple[int, array[int]]:
        """Count durations if there is no room yet for the bucket, or for their number."""
        first, fine = self._fine
        begin = bucket - bucket % _STEP
        after = max(first + len(fine), begin + _STEP)
        begin = min(first, begin) if fine else begin
        kind = fine.typecode
        fine = _zeros(kind, first - begin if fine else 0) + fine
        fine.extend(_zeros(kind, after - begin - len(fine)))
        # Both at once, because other threads may be reading.
        self._fine = begin, _increased(fine, bucket - begin, durations)
        return self._fine

    def _increase_exported(self, bucket: int, durations: int) -> array[int]:
        """Count durations if the bucket is beyond the listed ones, or there is no room."""
        exported_of = self.grid.exported_of
        place = exported_of[bucket] if bucket < len(exported_of) else len(self.exported) - 1
        self.exported = _increased(self.exported, place, durations)
        return self.exported


def _translated(buckets: Mapping[int, int], old: BucketGrid, new: BucketGrid) -> dict[int, int]:
    result: dict[int, int] = {}
    for bucket, count in buckets.items():
        target = new.bucket(old.upper(bucket))
        result[target] = result.get(target, 0) + count
    return result


def _zeros(typecode: str, size: int) -> array[int]:
    return array(typecode, bytes(array(typecode).itemsize * size))


def _smallest(counts: Iterable[int], total: int) -> array[int]:
    """Return counts as an array of the type that histograms use for this many durations."""
    return array("I" if total < 1 << 32 else "Q", counts)


def _increased(counts: array[int], place: int, durations: int) -> array[int]:
    """Return the counts with more durations at one place, in a wider type if necessary."""
    try:
        counts[place] += durations
    except OverflowError:
        return _increased(array("Q", counts), place, durations)
    return counts
