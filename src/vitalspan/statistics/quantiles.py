"""Quantiles of durations that are counted in fine buckets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vitalspan.recording.buckets import BucketGrid


def bucket_durations(counts: Mapping[BucketGrid, Mapping[int, int]]) -> list[tuple[float, int]]:
    """Return the middle of each fine bucket in seconds, ascending, and its calls."""
    return sorted(
        (grid.middle(bucket), calls)
        for grid, buckets in counts.items()
        for bucket, calls in buckets.items()
        if calls
    )


def quantile_of(
    durations: Sequence[tuple[float, int]], q: float, shortest: float, longest: float
) -> float | None:
    """Return a quantile of durations in seconds; None without calls.

    It is the geometric middle of the fine bucket of the call at that rank, so within 4.4 % of its
    duration.

    Args:
        durations: the middle of each bucket in seconds, ascending, and its calls.
        q: the quantile, 0 to 1.
        shortest: the shortest duration in seconds, a lower bound of the result.
        longest: the longest duration in seconds, an upper bound of the result.
    """
    rank, below = q * sum(calls for _, calls in durations), 0
    for seconds, calls in durations:
        below += calls
        if below >= rank:
            return min(max(seconds, shortest), longest)
    return None
