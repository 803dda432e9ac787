"""Buckets of durations: a fine grid of the base-2 boundaries and the exported ones.

Native histograms of Prometheus and exponential histograms of OpenTelemetry have the boundaries
2^(k/8) at scale 3; classic histograms have the exported ones. The grid has both, so each of these
histograms is an exact sum of the same counts. All buckets include their upper boundaries, like
`le`.
"""

from __future__ import annotations

import math
import sys
from bisect import bisect_left, bisect_right
from functools import lru_cache
from typing import Final

SCALE: Final = 3
"""The scale of the base-2 boundaries, called schema in Prometheus: 2^3 per octave."""

_OCTAVE: Final = (
    0.5,
    0.5452538663326288,
    0.5946035575013605,
    0.6484197773255048,
    0.7071067811865475,
    0.7711054127039704,
    0.8408964152537144,
    0.9170040432046711,
)
"""2^((i - 8) / 8), as in Prometheus for schema 3 (`exponentialBounds` in `model/histogram`).

Multiplied by powers of two, which is exact, these are all of Prometheus' boundaries to the last
bit. OpenTelemetry's SDKs compute logarithms instead: theirs are equal at powers of two, and differ
by a few units in the last place elsewhere.
"""

_LOWEST_EXPONENT: Final = -20
_HIGHEST_EXPONENT: Final = 17

ZERO_THRESHOLD: Final = 2.0**_LOWEST_EXPONENT
"""Durations up to this many seconds, just under a microsecond, are in the zero bucket of
exponential histograms. Reading the clock twice takes about as long."""

ZERO_INDEX: Final = _LOWEST_EXPONENT * 2**SCALE - 1
"""The index that stands for the zero bucket; all other exponential buckets have higher ones."""

_HALF_BUCKET: Final = 2 ** (0.5 / 2**SCALE)


def exponential_index(seconds: float) -> int:
    """Return the index i of the exponential bucket at scale 3 for a positive duration.

    The bucket is (2^(i/8), 2^((i+1)/8)], as in OpenTelemetry's data model of metrics
    ("ExponentialHistogram"); Prometheus' index of the same bucket is one more.
    """
    fraction, exponent = math.frexp(min(seconds, sys.float_info.max))
    return (exponent - 1) * 2**SCALE + bisect_left(_OCTAVE, fraction) - 1


class BucketGrid:
    """The fine buckets for a set of exported boundaries, numbered from 0 in ascending order.

    The first bucket begins at 0. Above the highest boundary in `bounds`, which is 2^17 seconds
    (more than a day) or more, the buckets go on in eighths of octaves without being listed.

    Args:
        boundaries: the exported upper bounds in seconds, increasing, without `+Inf`.

    Attributes:
        boundaries: the exported upper bounds in seconds, increasing, without `+Inf`.
        bounds: the upper bounds of the fine buckets in seconds.
        exported_of: for each fine bucket, the index of the exported bucket that contains it.
        exported_ends: for each boundary, the fine bucket that ends there.
        zero_buckets: the number of fine buckets in the zero bucket of exponential histograms.
        divided: the fine buckets that are in the same exponential bucket as the one before,
            increasing, without those in the zero bucket.
    """

    __slots__ = (
        "__weakref__",
        "_indexes",
        "_middles",
        "boundaries",
        "bounds",
        "divided",
        "exported_ends",
        "exported_of",
        "zero_buckets",
    )

    def __init__(self, boundaries: tuple[float, ...]) -> None:
        longest = boundaries[-1] if boundaries else 0.0
        highest = max(_HIGHEST_EXPONENT, math.frexp(longest)[1])
        bounds = {ZERO_THRESHOLD, *boundaries}
        for exponent in range(_LOWEST_EXPONENT + 1, highest + 1):
            bounds.update(math.ldexp(fraction, exponent) for fraction in _OCTAVE)
        bounds.add(2.0**highest)
        self.boundaries = boundaries
        self.bounds = sorted(bounds)
        self.exported_of = [bisect_left(boundaries, bound) for bound in self.bounds]
        self._indexes = [max(ZERO_INDEX, exponential_index(bound)) for bound in self.bounds]
        self.exported_ends = [bisect_left(self.bounds, bound) for bound in boundaries]
        self.zero_buckets = self._indexes.count(ZERO_INDEX)
        self.divided = [
            bucket
            for bucket in range(self.zero_buckets + 1, len(self.bounds))
            if self._indexes[bucket] == self._indexes[bucket - 1]
        ]
        self._middles = [self.bounds[0]]
        for low, high in zip(self.bounds, self.bounds[1:], strict=False):
            self._middles.append(math.sqrt(low) * math.sqrt(high))

    def bucket(self, seconds: float) -> int:
        """Return the number of the fine bucket for a duration."""
        bucket = bisect_left(self.bounds, seconds)
        if bucket < len(self.bounds):
            return bucket
        return bucket - 1 + exponential_index(seconds) - self._indexes[-1]

    def exported_bucket(self, seconds: float) -> int:
        """Return the index of the exported bucket for a duration; the last one is for `+Inf`."""
        return bisect_left(self.boundaries, seconds)

    def index(self, bucket: int) -> int:
        """Return the index of the exponential bucket that contains a fine bucket.

        The index is that of `exponential_index`, and `ZERO_INDEX` for the zero bucket.
        """
        indexes = self._indexes
        last = len(indexes) - 1
        return indexes[bucket] if bucket <= last else indexes[last] + bucket - last

    def upper(self, bucket: int) -> float:
        """Return the upper bound of a fine bucket in seconds."""
        if bucket < len(self.bounds):
            return self.bounds[bucket]
        octave, eighth = divmod(self.index(bucket) + 1, 2**SCALE)
        # The very last bucket would end at 2^1024, which is more than a float can be.
        return math.ldexp(_OCTAVE[eighth], octave + 1) if octave < 1024 else sys.float_info.max

    def middle(self, bucket: int) -> float:
        """Return the duration that represents a fine bucket: its geometric middle, in seconds.

        It is within a factor of 2^(1/16), 4.4 %, of every duration in the bucket. For the first
        bucket it is the upper bound.
        """
        if bucket < len(self._middles):
            return self._middles[bucket]
        octave, eighth = divmod(self.index(bucket), 2**SCALE)
        return math.ldexp(_OCTAVE[eighth] * _HALF_BUCKET, octave + 1)

    def count(self, ordered: list[float]) -> dict[int, int]:
        """Return how many durations are in each fine bucket, without empty buckets.

        Args:
            ordered: the durations in seconds, ascending.
        """
        bounds = self.bounds
        buckets: dict[int, int] = {}
        index, size, beyond = 0, len(ordered), len(bounds)
        while index < size:
            bucket = bisect_left(bounds, ordered[index])
            if bucket < beyond:
                after = bisect_right(ordered, bounds[bucket], index)
                buckets[bucket] = after - index
                index = after
            else:
                bucket = self.bucket(ordered[index])
                buckets[bucket] = buckets.get(bucket, 0) + 1
                index += 1
        return buckets


@lru_cache(maxsize=64)
def grid_of(boundaries: tuple[float, ...]) -> BucketGrid:
    """Return the grid for exported boundaries; all series with the same boundaries share it."""
    return BucketGrid(boundaries)
