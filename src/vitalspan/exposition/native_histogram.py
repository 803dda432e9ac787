"""Native histograms of Prometheus: counts in exponential buckets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from operator import sub
from typing import Final, NamedTuple

from vitalspan.exposition.points import Exemplar
from vitalspan.recording.exponential_buckets import ExponentialBuckets


class BucketSpans(NamedTuple):
    """The counts of buckets, in runs of adjacent buckets.

    Bucket i of schema s ends at 2^(i / 2^s), inclusive.

    Attributes:
        spans: the offset and length of each run. The offset is the index of the first bucket for
            the first run, and the number of skipped buckets for the others.
        deltas: the first count, followed by the difference of each count from the previous one.
    """

    spans: tuple[tuple[int, int], ...] = ()
    deltas: tuple[float, ...] = ()

    @classmethod
    def of(cls, first: int, counts: Iterable[int]) -> BucketSpans:
        """Return a single span of counts; `first` is the index of the first bucket."""
        counts = tuple(counts)
        if not counts:
            return NO_BUCKETS
        # An empty bucket takes a byte or two, and a span of its own six. Prometheus computes the
        # spans again before it stores them.
        return cls(((first, len(counts)),), tuple(map(sub, counts, (0, *counts))))

    def counts(self) -> dict[int, float]:
        """Return the count of each bucket by its index."""
        indexes: list[int] = []
        after = 0
        for offset, length in self.spans:
            first = after + offset
            after = first + length
            indexes += range(first, after)
        return dict(zip(indexes, accumulate(self.deltas), strict=False))


NO_BUCKETS: Final = BucketSpans()


@dataclass(slots=True)
class NativeHistogram:
    """An immutable native histogram.

    Attributes:
        count: the number of observations.
        total: the sum of the observations; None if it is unknown.
        schema: the resolution: there are 2^schema buckets per octave.
        zero_threshold: the greatest absolute value of the zero bucket.
        zero_count: the number of observations in the zero bucket.
        positive: the buckets of observations above 0.
        negative: the buckets of observations below 0, by their absolute values.
        exemplars: some of the observations, with timestamps.
        whole: whether all counts are integers.
    """

    count: float
    total: float | None
    schema: int
    zero_threshold: float
    zero_count: float
    positive: BucketSpans = NO_BUCKETS
    negative: BucketSpans = NO_BUCKETS
    exemplars: tuple[Exemplar, ...] = ()
    whole: bool = True

    @classmethod
    def of(cls, buckets: ExponentialBuckets, total: float) -> NativeHistogram:
        """Return the native histogram for exponential buckets and the sum of their values."""
        # Prometheus numbers buckets by their ends, OpenTelemetry by their starts.
        return cls(
            buckets.count,
            total,
            buckets.scale,
            buckets.zero_threshold,
            buckets.zero_count,
            BucketSpans.of(buckets.offset + 1, buckets.counts),
        )
