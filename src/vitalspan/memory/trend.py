"""Whether a series of values grows: the Mann-Kendall test, and Sen's slope with its confidence."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist, median


@dataclass(frozen=True)
class Trend:
    """A straight line through equidistant values.

    Attributes:
        slope: the increase from one value to the next.
        low: the lower end of the confidence interval of the slope.
        high: its upper end.
        p_value: the probability that values without a trend grow at least as clearly.
    """

    slope: float
    low: float
    high: float
    p_value: float


def trend(values: Sequence[float], confidence: float) -> Trend:
    """Return the trend of some values; there should be ten or more.

    The slope is the median of the slopes between all pairs of values, and its interval is that of
    Sen (P. K. Sen, "Estimates of the Regression Coefficient Based on Kendall's Tau", 1968). The
    p-value is that of the one-sided Mann-Kendall test (H. B. Mann, "Nonparametric Tests Against
    Trend", 1945; M. G. Kendall, "Rank Correlation Methods", 1975) by the normal approximation,
    corrected for ties and for continuity.

    Args:
        values: at equal distances.
        confidence: the confidence level of the interval, between 0 and 1.
    """
    pairs = list(combinations(enumerate(values), 2))
    slopes = sorted((later - value) / (end - start) for (start, value), (end, later) in pairs)
    score = sum((slope > 0) - (slope < 0) for slope in slopes)
    deviation = math.sqrt(_variance(values))
    reach = NormalDist().inv_cdf((1 + confidence) / 2) * deviation
    last = len(slopes) - 1
    low = slopes[max(0, math.floor((len(slopes) - reach) / 2) - 1)]
    high = slopes[min(last, math.ceil((len(slopes) + reach) / 2))]
    normal = (score - 1) / deviation if score > 0 else 0.0
    p_value = 1 - NormalDist().cdf(normal) if score > 0 else 1.0
    return Trend(median(slopes), low, high, p_value)


def _variance(values: Sequence[float]) -> float:
    """Return the variance of Kendall's score if there is no trend; zero if all values are equal."""
    size = len(values)
    ties = sum(
        equal * (equal - 1) * (2 * equal + 5) for equal in Counter(values).values() if equal > 1
    )
    return (size * (size - 1) * (2 * size + 5) - ties) / 18
