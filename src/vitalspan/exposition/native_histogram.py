"""Native histograms: counts in exponential buckets, as Prometheus has them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from operator import sub
from typing import Final, NamedTuple

from vitalspan.exposition.points import Exemplar
from vitalspan.recording.exponential_buckets import ExponentialBuckets


class BucketSpans(NamedTuple):
    """Counts of buckets, in runs of neighbours.

    Bucket i of schema s ends at 2^(i / 2^s), its end included.

    Attributes:
        spans: for each run the distance to it and its length. The distance is the index of the
            first bucket for the first run, and the number of buckets left out for the others.
        deltas: the first count, and then the difference of each count from the one before.
    """

    spans: tuple[tuple[int, int], ...] = ()
    deltas: tuple[float, ...] = ()

    @classmethod
    def of(cls, first: int, counts: Iterable[int]) -> BucketSpans:
        """Return the one span of counts, the first of which is of the bucket with that index."""
        counts = tuple(counts)
        if not counts:
            return NO_BUCKETS
        # An empty bucket takes a byte or two, and a span of its own six. Prometheus makes the spans
        # anew before it stores them.
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
    """A native histogram, to which nobody writes once it is made.

    Attributes:
        count: how many observations there are.
        total: their sum; None if it is not known.
        schema: how wide the buckets are: there are 2^schema in each octave.
        zero_threshold: the greatest absolute value of the zero bucket.
        zero_count: the observations in the zero bucket.
        positive: the buckets of observations above 0.
        negative: the buckets of observations below 0, by their absolute values.
        exemplars: some of the observations, each with a time.
        whole: whether all counts are whole numbers.
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
        """Return the native histogram of exponential buckets and the sum of what is in them."""
        # Prometheus numbers the buckets by their ends, OpenTelemetry by where they begin.
        return cls(
            buckets.count,
            total,
            buckets.scale,
            buckets.zero_threshold,
            buckets.zero_count,
            BucketSpans.of(buckets.offset + 1, buckets.counts),
        )
