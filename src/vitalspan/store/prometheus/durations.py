"""Converts durations in buckets of Prometheus to those of `PLAIN_GRID`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from vitalspan.store.frame import PLAIN_GRID


class Bucket(NamedTuple):
    """The number of calls with durations in an interval, which is given in seconds."""

    low: float
    high: float
    calls: float


class Durations(NamedTuple):
    """Durations by bucket.

    Attributes:
        calls: the number of all calls.
        buckets: the calls by bucket of `PLAIN_GRID`.
        shortest: a lower bound of the durations in seconds; infinite without calls.
        longest: an upper bound, as far as buckets end; negative infinity without any.
    """

    calls: int
    buckets: dict[int, int]
    shortest: float
    longest: float


def classic_buckets(below: Mapping[float, float]) -> list[Bucket]:
    """Return the buckets of a classic histogram.

    Args:
        below: the calls up to each upper bound.
    """
    buckets, low, before = [], 0.0, 0.0
    for bound, calls in sorted(below.items()):
        # Extrapolated counts need not increase from one bound to the next.
        buckets.append(Bucket(low, bound, max(0.0, calls - before)))
        low, before = bound, max(before, calls)
    return buckets


def native_buckets(histogram: Any) -> list[Bucket]:
    """Return the buckets of a native histogram from the HTTP API."""
    return [
        Bucket(max(0.0, float(low)), max(0.0, float(high)), float(calls))
        for _, low, high, calls in histogram.get("buckets") or ()
    ]


def durations_of(buckets: Iterable[Bucket]) -> Durations:
    """Return calls in the buckets of `PLAIN_GRID`, spread evenly over each bucket of Prometheus.

    `histogram_quantile` does the same. Counts are rounded to integers; their sum is kept.
    """
    plain: dict[int, int] = {}
    shortest, longest = math.inf, -math.inf
    total, whole = 0.0, 0
    for low, high, calls in sorted(buckets):
        if calls <= 0:
            continue
        end = high if math.isfinite(high) else max(low, PLAIN_GRID.bounds[0])
        for bucket, part in _parts(low, end):
            total += calls * part
            # Rounding errors carry over to the next bucket.
            added = round(total) - whole
            if added > 0:
                plain[bucket] = plain.get(bucket, 0) + added
                whole += added
                shortest, longest = min(shortest, low), max(longest, end)
    return Durations(whole, plain, shortest, longest)


def _parts(low: float, high: float) -> Iterable[tuple[int, float]]:
    """Yield the buckets of `PLAIN_GRID` between two durations, and the share of each."""
    if high <= low:
        yield PLAIN_GRID.bucket(high), 1.0
        return
    bucket, begin = PLAIN_GRID.bucket(math.nextafter(low, math.inf)), low
    while begin < high:
        end = min(high, PLAIN_GRID.upper(bucket))
        yield bucket, (end - begin) / (high - low)
        bucket, begin = bucket + 1, end
