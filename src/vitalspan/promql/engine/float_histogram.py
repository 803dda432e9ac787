"""Native histograms for computations in PromQL: bucket counts may be any number."""

from __future__ import annotations

import math
import sys
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final, Literal, NamedTuple

CUSTOM_BUCKETS: Final = -53
"""The schema of histograms with explicit boundaries."""

ResetHint = Literal["unknown", "reset", "not_reset", "gauge"]
"""The reset hint of a sample: whether a counter was reset, or that it is a gauge."""

Counts = Mapping[int, float]
"""The counts of buckets by index."""

_NO_COUNTS: Final[Counts] = {}

_OCTAVES: Final = sys.float_info.max_exp


class Bucket(NamedTuple):
    """A bucket with its bounds."""

    lower: float
    upper: float
    observations: float


@dataclass(frozen=True, slots=True)
class FloatHistogram:
    """An immutable native histogram.

    Bucket i of schema s ends at 2^(i / 2^s), inclusive, and begins where bucket i - 1 ends. With
    custom buckets it ends at `bounds[i]`, and the last one has no end. Negative buckets mirror the
    positive ones. This is the `FloatHistogram` of Prometheus.

    Attributes:
        schema: there are 2^schema buckets per octave; `CUSTOM_BUCKETS` for explicit bounds.
        count: the number of observations.
        total: the sum of the observations.
        zero_threshold: the greatest absolute value of the zero bucket.
        zero_count: the number of observations in the zero bucket.
        positive: the counts of the buckets above zero.
        negative: the counts of the buckets below zero.
        bounds: the explicit bounds, without the infinite one.
        reset_hint: the reset hint of the sample.
    """

    schema: int = 0
    count: float = 0.0
    total: float = 0.0
    zero_threshold: float = 0.0
    zero_count: float = 0.0
    positive: Counts = field(default_factory=lambda: _NO_COUNTS)
    negative: Counts = field(default_factory=lambda: _NO_COUNTS)
    bounds: tuple[float, ...] = ()
    reset_hint: ResetHint = field(default="unknown", compare=False)

    @property
    def is_custom(self) -> bool:
        """True if the bounds are explicit."""
        return self.schema == CUSTOM_BUCKETS

    def positive_bucket(self, index: int) -> Bucket:
        """Return the positive bucket with an index."""
        count = self.positive[index]
        if not self.is_custom:
            return Bucket(bound(index - 1, self.schema), bound(index, self.schema), count)
        lower = self.bounds[index - 1] if index else -math.inf
        upper = self.bounds[index] if index < len(self.bounds) else math.inf
        return Bucket(lower, upper, count)

    def negative_bucket(self, index: int) -> Bucket:
        """Return the negative bucket with an index."""
        return Bucket(
            -bound(index, self.schema), -bound(index - 1, self.schema), self.negative[index]
        )

    def buckets(self) -> Iterator[Bucket]:
        """Yield all buckets in ascending order, including the zero bucket.

        Buckets that overlap with the zero bucket begin where it ends.
        """
        zero = self.zero_threshold
        for index in sorted(self.negative, reverse=True):
            lower, upper, count = self.negative_bucket(index)
            yield Bucket(lower, -zero if 0 > upper > -zero else upper, count)
        if self.zero_count > 0:
            yield Bucket(-zero, zero, self.zero_count)
        for index in sorted(self.positive):
            lower, upper, count = self.positive_bucket(index)
            yield Bucket(zero if 0 < lower < zero else lower, upper, count)

    def with_schema(self, schema: int) -> FloatHistogram:
        """Return the histogram with wider buckets; the schema must not be above the present one."""
        if schema == self.schema:
            return self
        shift = self.schema - schema
        return replace(
            self,
            schema=schema,
            positive=_widened(self.positive, shift),
            negative=_widened(self.negative, shift),
        )

    def with_bounds(self, bounds: tuple[float, ...]) -> FloatHistogram:
        """Return a histogram of custom buckets with only some of its bounds."""
        if bounds == self.bounds:
            return self
        positive: dict[int, float] = {}
        for index, count in self.positive.items():
            new = len(bounds)
            if index < len(self.bounds):
                new = bisect_left(bounds, self.bounds[index])
            positive[new] = positive.get(new, 0.0) + count
        return replace(self, bounds=bounds, positive=positive)

    def with_zero_threshold(self, threshold: float) -> FloatHistogram:
        """Return the histogram with a zero bucket that is at least as wide as a threshold.

        It is wider if the threshold is within a non-empty bucket.
        """
        if threshold <= self.zero_threshold:
            return self
        schema, sides = self.schema, (self.positive, self.negative)
        populated = [
            (bound(index - 1, schema), bound(index, schema))
            for side in sides
            for index, count in side.items()
            if count
        ]
        while within := [end for begin, end in populated if begin < threshold < end]:
            threshold = max(within)
        inside = [
            count
            for side in sides
            for index, count in side.items()
            if bound(index, schema) <= threshold
        ]
        return replace(
            self,
            zero_threshold=threshold,
            zero_count=math.fsum([self.zero_count, *inside]),
            positive=_outside(self.positive, schema, threshold),
            negative=_outside(self.negative, schema, threshold),
        )

    def compacted(self) -> FloatHistogram:
        """Return the histogram without empty buckets."""
        if all(self.positive.values()) and all(self.negative.values()):
            return self
        return replace(
            self,
            positive={index: count for index, count in self.positive.items() if count},
            negative={index: count for index, count in self.negative.items() if count},
        )

    def __str__(self) -> str:
        buckets = "".join(
            f", {'[' if lower < 0 else '('}{lower:g},{upper:g}"
            f"{']' if upper > 0 or self.is_custom else ')'}:{count:g}"
            for lower, upper, count in self.buckets()
            if count
        )
        return f"{{count:{self.count:g}, sum:{self.total:g}{buckets}}}"


@lru_cache(maxsize=16_384)
def bound(index: int, schema: int) -> float:
    """Return the end of a bucket: 2^(index / 2^schema), exactly at whole octaves.

    The last bucket ends at the largest float, and the overflow bucket at infinity.
    """
    octave, part = (index << -schema, 0) if schema <= 0 else divmod(index, 1 << schema)
    if octave >= _OCTAVES:
        return sys.float_info.max if (octave, part) == (_OCTAVES, 0) else math.inf
    return math.ldexp(2.0 ** (part / (1 << schema)) if part else 1.0, octave)


def _widened(counts: Counts, shift: int) -> Counts:
    wide: dict[int, float] = {}
    for index, count in counts.items():
        new = ((index - 1) >> shift) + 1
        wide[new] = wide.get(new, 0.0) + count
    return wide


def _outside(counts: Counts, schema: int, threshold: float) -> Counts:
    return {index: count for index, count in counts.items() if bound(index, schema) > threshold}
