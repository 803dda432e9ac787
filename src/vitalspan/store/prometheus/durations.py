"""Durations that Prometheus has in buckets of any width, in those of `PLAIN_GRID`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from vitalspan.store.frame import PLAIN_GRID


class Bucket(NamedTuple):
    """Calls that took longer than one time and no longer than another, in seconds."""

    low: float
    high: float
    calls: float


class Durations(NamedTuple):
    """Durations by bucket.

    Attributes:
        calls: all of them.
        buckets: the calls by bucket of `PLAIN_GRID`.
        shortest: what no call was shorter than, in seconds; infinite without calls.
        longest: what no call was longer than, as far as buckets end; negative infinity without any.
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
        # What is extrapolated need not grow from one bound to the next.
        buckets.append(Bucket(low, bound, max(0.0, calls - before)))
        low, before = bound, max(before, calls)
    return buckets


def native_buckets(histogram: Any) -> list[Bucket]:
    """Return the buckets of a native histogram, as the HTTP API has it."""
    return [
        Bucket(max(0.0, float(low)), max(0.0, float(high)), float(calls))
        for _, low, high, calls in histogram.get("buckets") or ()
    ]


def durations_of(buckets: Iterable[Bucket]) -> Durations:
    """Return calls in the buckets of `PLAIN_GRID`, spread evenly over each bucket of Prometheus.

    So does `histogram_quantile`. Numbers of calls become whole; the sum is kept.
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
            # Whatever is rounded here is made good by the next one.
            added = round(total) - whole
            if added > 0:
                plain[bucket] = plain.get(bucket, 0) + added
                whole += added
                shortest, longest = min(shortest, low), max(longest, end)
    return Durations(whole, plain, shortest, longest)


def _parts(low: float, high: float) -> Iterable[tuple[int, float]]:
    """Yield the buckets of `PLAIN_GRID` between two times, and the share that each has of it."""
    if high <= low:
        yield PLAIN_GRID.bucket(high), 1.0
        return
    bucket, begin = PLAIN_GRID.bucket(math.nextafter(low, math.inf)), low
    while begin < high:
        end = min(high, PLAIN_GRID.upper(bucket))
        yield bucket, (end - begin) / (high - low)
        bucket, begin = bucket + 1, end
