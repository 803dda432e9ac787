"""Quantiles, fractions and statistics of native histograms."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from vitalspan.promql.engine.arithmetic import divide, exact_sum
from vitalspan.promql.engine.evaluation_context import EvaluationContext
from vitalspan.promql.engine.float_histogram import Bucket, FloatHistogram
from vitalspan.promql.engine.metric_labels import MetricLabels
from vitalspan.promql.engine.plan import NameDropping, Vector, VectorNode, histograms_of


def native_quantile(
    q: float, histogram: FloatHistogram, context: EvaluationContext, labels: MetricLabels
) -> float:
    """Return a quantile of a native histogram, interpolated within its bucket.

    Exponential buckets are interpolated on a logarithmic scale, custom ones and the zero bucket
    linearly. This is `HistogramQuantile` of Prometheus, in its promql/quantile.go.

    Args:
        q: the quantile.
        histogram: the histogram.
        context: collects annotations about NaN observations.
        labels: the labels of the histogram.
    """
    if q < 0 or q > 1:
        return math.copysign(math.inf, q)
    if histogram.count == 0 or math.isnan(q):
        return math.nan
    # NaN observations are counted, but are in no bucket, so the search starts from below.
    has_nan = math.isnan(histogram.total)
    forward = has_nan or q < 0.5
    buckets = [one for one in histogram.buckets() if one.observations]
    rank = (q if forward else 1 - q) * histogram.count
    bucket, count = Bucket(0.0, 0.0, 0.0), 0.0
    for bucket in buckets if forward else reversed(buckets):
        count += bucket.observations
        if count >= rank:
            break
    lower, upper = _natural_bounds(bucket, histogram)
    if lower >= upper and buckets:
        return upper
    count = min(count, histogram.count)
    if has_nan:
        is_beyond = count < rank
        if is_beyond or exact_sum(one.observations for one in buckets) < histogram.count:
            context.annotations.inform(
                "input to histogram_quantile has NaN observations, result is "
                f"{'NaN' if is_beyond else 'skewed higher'}{labels.of_metric}"
            )
    if count < rank:
        return math.nan if has_nan else upper
    rank = rank - (count - bucket.observations) if forward else count - rank
    return _interpolated(rank / bucket.observations, lower, upper, is_linear=histogram.is_custom)


def _natural_bounds(bucket: Bucket, histogram: FloatHistogram) -> tuple[float, float]:
    """Return the bounds for interpolating a value within a bucket.

    The zero bucket ends at 0 if all other buckets are on its other side. A custom bucket without an
    end counts as its other bound, and one without a start starts at 0 if it ends above.
    """
    lower, upper, _ = bucket
    if histogram.is_custom:
        if math.isinf(lower):
            return (upper, upper) if upper <= 0 else (0.0, upper)
        return (lower, lower) if math.isinf(upper) else (lower, upper)
    if lower <= 0 <= upper:
        return _zero_bounds(lower, upper, histogram)
    return lower, upper


def _zero_bounds(lower: float, upper: float, histogram: FloatHistogram) -> tuple[float, float]:
    if histogram.positive and not histogram.negative:
        lower = 0.0
    elif histogram.negative and not histogram.positive:
        upper = 0.0
    return lower, upper


def _interpolated(share: float, lower: float, upper: float, *, is_linear: bool) -> float:
    """Return the value that a ratio of a bucket's observations is below."""
    if is_linear or lower <= 0 <= upper:
        return lower + (upper - lower) * share
    low, high = math.log2(abs(lower)), math.log2(abs(upper))
    if lower > 0:
        return math.pow(2.0, low + (high - low) * share)
    return -math.pow(2.0, high + (low - high) * (1 - share))


def native_fraction(
    lower: float,
    upper: float,
    histogram: FloatHistogram,
    context: EvaluationContext,
    labels: MetricLabels,
) -> float:
    """Return the ratio of a native histogram's observations between two numbers.

    This is `HistogramFraction` of Prometheus, in its promql/quantile.go.

    Args:
        lower: the exclusive lower limit.
        upper: the inclusive upper limit.
        histogram: the histogram.
        context: collects annotations about NaN observations.
        labels: the labels of the histogram.
    """
    if histogram.count == 0 or math.isnan(lower) or math.isnan(upper):
        return math.nan
    if lower >= upper:
        return 0.0
    count = histogram.count
    if math.isnan(histogram.total):
        count = exact_sum(one.observations for one in histogram.buckets())
        if count < histogram.count:
            context.annotations.inform(
                "input to histogram_fraction has NaN observations, which are excluded from all "
                f"fractions{labels.of_metric}"
            )
    ranks = [min(_rank(value, histogram, count), count) for value in (lower, upper)]
    return (ranks[1] - ranks[0]) / histogram.count


def _rank(value: float, histogram: FloatHistogram, count: float) -> float:
    """Return the number of observations that are not above a number."""
    below = 0.0
    for bucket in histogram.buckets():
        lower, upper, _ = bucket
        if lower <= 0 <= upper:
            lower, upper = _zero_bounds(lower, upper, histogram)
        if lower >= value:
            return below
        if upper > value:
            if math.isinf(lower):
                return bucket.observations
            return below + bucket.observations * _share_below(
                value, lower, upper, is_linear=histogram.is_custom
            )
        below += bucket.observations
    return count


def _share_below(value: float, lower: float, upper: float, *, is_linear: bool) -> float:
    """Return the ratio of a bucket's observations that are not above a number within it."""
    if is_linear or lower <= 0 <= upper:
        return (value - lower) / (upper - lower)
    low, high, middle = (math.log2(abs(one)) for one in (lower, upper, value))
    if value > 0:
        return (middle - low) / (high - low)
    return 1 - (middle - high) / (low - high)


def _variance(histogram: FloatHistogram) -> float:
    """Return the variance of a native histogram's observations, as if each were amid its bucket."""
    if not histogram.count:
        return math.nan
    average = histogram.total / histogram.count
    squares = (
        count * (middle - average) * (middle - average) for middle, count in _middles(histogram)
    )
    return exact_sum(squares) / histogram.count


def _middles(histogram: FloatHistogram) -> Iterator[tuple[float, float]]:
    """Yield the middle of each bucket, geometric for exponential buckets, and its count."""
    for lower, upper, count in histogram.buckets():
        if not count:
            continue
        if histogram.is_custom:
            yield (upper + lower) / 2, count
        elif lower <= 0 <= upper:
            yield 0.0, count
        else:
            middle = math.sqrt(upper) * math.sqrt(lower) if lower > 0 else -math.sqrt(upper * lower)
            yield middle, count


@dataclass(eq=False)
class NativeStatistic(VectorNode):
    """A statistic of each native histogram; numbers are ignored."""

    statistic: Callable[[FloatHistogram], float]
    vector: VectorNode
    names: NameDropping

    def evaluate(self, context: EvaluationContext) -> Vector:
        statistic, drop = self.statistic, self.names.drop
        natives = histograms_of(self.vector.evaluate(context), context)
        return self.names.check([(drop(labels), statistic(one)) for labels, one in natives])


def _deviation(histogram: FloatHistogram) -> float:
    variance = _variance(histogram)
    return math.sqrt(variance) if variance >= 0 else math.nan


OF_NATIVE_HISTOGRAMS: Final[dict[str, Callable[[FloatHistogram], float]]] = {
    "histogram_avg": lambda histogram: divide(histogram.total, histogram.count),
    "histogram_count": lambda histogram: histogram.count,
    "histogram_stddev": _deviation,
    "histogram_stdvar": _variance,
    "histogram_sum": lambda histogram: histogram.total,
}
"""Functions that return one number for each native histogram, by name."""
