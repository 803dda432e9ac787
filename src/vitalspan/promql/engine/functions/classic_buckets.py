"""Quantiles and fractions from the buckets of one classic histogram."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from typing import Final

from vitalspan.promql.engine.evaluation_context import EvaluationContext
from vitalspan.promql.engine.metric_labels import MetricLabels

Buckets = list[tuple[float, float]]
"""Upper bounds with the cumulative counts of observations."""

_TOLERANCE: Final = 1e-12
"""The relative difference of two counts that is treated as a rounding error."""


def bucket_quantile(
    q: float, buckets: Buckets, context: EvaluationContext, labels: MetricLabels
) -> float:
    """Return a quantile of a histogram, interpolated within its bucket.

    This is `BucketQuantile` of Prometheus, in its promql/quantile.go.

    Args:
        q: the quantile.
        buckets: the buckets in ascending order.
        context: collects a warning if counts had to be corrected.
        labels: the labels of the histogram.
    """
    bounds = [bound for bound, _ in buckets]
    return quantile_of(q, bounds, [count for _, count in buckets], context, labels)


def quantile_of(
    q: float,
    bounds: list[float],
    counts: list[float],
    context: EvaluationContext,
    labels: MetricLabels,
) -> float:
    """Return a quantile of a histogram with separate bounds and counts; see `bucket_quantile`."""
    if not 0 <= q <= 1:
        return math.nan if math.isnan(q) else math.copysign(math.inf, q)
    if bounds[-1] != math.inf:
        return math.nan
    bounds, counts = _coalesced(bounds, counts)
    _make_monotonic(counts, context, labels)
    observations = counts[-1]
    if len(counts) < 2 or observations == 0 or math.isnan(observations):
        return math.nan
    rank = q * observations
    last = len(counts) - 1
    index = bisect_left(counts, rank, 0, last)
    if index == last:
        return bounds[last - 1]
    if index == 0 and bounds[0] <= 0:
        return bounds[0]
    start, before = (bounds[index - 1], counts[index - 1]) if index else (0.0, 0.0)
    width, count = bounds[index] - start, counts[index] - before
    return start + width * ((rank - before) / count) if count else math.nan


def _coalesced(bounds: list[float], counts: list[float]) -> tuple[list[float], list[float]]:
    """Return bounds and counts; the counts of equal bounds are added up."""
    if len(set(bounds)) == len(bounds):
        return bounds, counts
    distinct: list[float] = []
    totals: list[float] = []
    for bound, count in zip(bounds, counts, strict=True):
        if distinct and distinct[-1] == bound:
            totals[-1] += count
        else:
            distinct.append(bound)
            totals.append(count)
    return distinct, totals


def _make_monotonic(counts: list[float], context: EvaluationContext, labels: MetricLabels) -> None:
    """Mend counts that are lower than those of a lower bound; only large mends are mentioned."""
    before = counts[0]
    mended = False
    for index in range(1, len(counts)):
        count = counts[index]
        if count == before:
            continue
        if abs(count - before) < _TOLERANCE * (abs(count) + abs(before)):
            counts[index] = before
        elif count < before:
            counts[index] = before
            mended = True
        else:
            before = count
    if mended:
        context.annotations.inform(
            "input to histogram_quantile needed to be fixed for monotonicity (see "
            "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)"
            f"{labels.of_metric}"
        )


def bucket_fraction(lower: float, upper: float, buckets: Buckets) -> float:
    """Return the ratio of a histogram's observations between two numbers.

    This is `BucketFraction` of Prometheus, in its promql/quantile.go.
    """
    if buckets[-1][0] != math.inf:
        return math.nan
    bounds, counts = _coalesced(*([one[i] for one in buckets] for i in (0, 1)))
    observations = counts[-1]
    if observations == 0 or math.isnan(lower) or math.isnan(upper):
        return math.nan
    if lower >= upper:
        return 0.0
    rank = _rank_function(bounds, counts)
    return (min(rank(upper), observations) - min(rank(lower), observations)) / observations


def _rank_function(bounds: list[float], counts: list[float]) -> Callable[[float], float]:
    def rank(value: float) -> float:
        below, start = 0.0, 0.0 if bounds[0] > 0 else -math.inf
        for bound, count in zip(bounds, counts, strict=True):
            if start >= value:
                return below
            if bound > value:
                if start == -math.inf:
                    return count
                return below + (count - below) * (value - start) / (bound - start)
            below, start = count, bound
        return counts[-1]

    return rank
