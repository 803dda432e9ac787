"""Counts by exponential buckets, as in native and exponential histograms."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(slots=True)
class ExponentialBuckets:
    """Immutable counts of positive values in the buckets of an exponential histogram.

    `counts[i]` is the count of (base^(offset + i), base^(offset + i + 1)] with base = 2^(2^-scale),
    as in OpenTelemetry's data model. Prometheus calls the scale schema, and its index of the same
    bucket is offset + i + 1.

    Attributes:
        scale: the scale of the buckets.
        zero_threshold: the greatest value in the zero bucket.
        zero_count: the number of values in the zero bucket, from 0 to the threshold.
        offset: the index of the first bucket.
        counts: the number of values in each bucket; the first and the last are above 0.
    """

    scale: int
    zero_threshold: float
    zero_count: int
    offset: int
    counts: tuple[int, ...]

    @classmethod
    def from_indexes(
        cls,
        scale: int,
        zero_threshold: float,
        zero_count: int,
        indexed: Iterable[tuple[int, int]],
    ) -> ExponentialBuckets:
        """Return the buckets for counts by index; an index may occur more than once."""
        by_index: dict[int, int] = {}
        for index, count in indexed:
            by_index[index] = by_index.get(index, 0) + count
        if not by_index:
            return cls(scale, zero_threshold, zero_count, 0, ())
        first, last = min(by_index), max(by_index)
        counts = tuple(by_index.get(index, 0) for index in range(first, last + 1))
        return cls(scale, zero_threshold, zero_count, first, counts)

    @classmethod
    def trimmed(
        cls, scale: int, zero_threshold: float, zero_count: int, offset: int, counts: list[int]
    ) -> ExponentialBuckets:
        """Return the buckets for counts from an index on, without empty ones at either end."""
        first = next((place for place, count in enumerate(counts) if count), None)
        if first is None:
            return cls(scale, zero_threshold, zero_count, 0, ())
        last = len(counts)
        while not counts[last - 1]:
            last -= 1
        return cls(scale, zero_threshold, zero_count, offset + first, tuple(counts[first:last]))

    @property
    def count(self) -> int:
        """The number of values, including those in the zero bucket."""
        return self.zero_count + sum(self.counts)

    def downscaled(self, scale: int) -> ExponentialBuckets:
        """Return the same values in wider buckets, exactly: each step merges pairs of buckets.

        Raises:
            ValueError: for a scale above this one.
        """
        shift = self.scale - scale
        if shift < 0:
            raise ValueError(f"counts of scale {self.scale} cannot be converted to scale {scale}")
        indexed = ((index >> shift, count) for index, count in enumerate(self.counts, self.offset))
        return self.from_indexes(scale, self.zero_threshold, self.zero_count, indexed)

    def fitted(self, size: int) -> ExponentialBuckets:
        """Return the same values at the highest scale that needs at most `size` buckets.

        Empty buckets between the first and the last one count as well.

        Raises:
            ValueError: if the size is under 2, which no scale may achieve.
        """
        if size < 2:
            raise ValueError(f"{size} buckets are too few, use 2 or more")
        first, last = self.offset, self.offset + len(self.counts) - 1
        shift = 0
        while (last >> shift) - (first >> shift) >= size:
            shift += 1
        return self.downscaled(self.scale - shift) if shift else self
