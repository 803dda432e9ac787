"""Trends of signals over a period: their forecasts and anomalies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import linear_regression, median
from typing import Any, Final, Literal

from vitalspan.signals.derivations import MAD_TO_DEVIATION
from vitalspan.units import RATIO, Unit
from vitalspan.words import duration_words

MIN_POINTS: Final = 6
"""The minimum number of values for a trend."""

MIN_TRAINING: Final = 30
"""The minimum number of values for detecting anomalies."""

UNUSUAL: Final = 6.0
"""The number of deviations from the median from which on a value is unusual."""

MAX_ANOMALIES: Final = 5
"""The maximum number of anomalies per signal, the largest ones."""

HORIZON: Final = 3600.0
"""Seconds that a forecast looks ahead, but at most as far as it looks back."""

MIN_SPAN: Final = HORIZON / 4
"""The minimum span of the values of a trend in seconds: less cannot predict an hour."""

_SHARE_AHEAD: Final = 0.25
"""The share of a long period that a forecast looks ahead."""

_MIN_CHANGE: Final = 0.1
"""The minimum change of a signal over the period, relative to its mean; less is steady."""

_MIN_R_SQUARED: Final = 0.5
"""The minimum share of the variance that the line of a rising or falling signal explains."""

_LEAST_DEVIATION: Final = 0.1
"""The minimum deviation relative to the median, so that constants can have anomalies."""

_LEAST_RATIO: Final = 0.01
"""The minimum deviation of a ratio."""

Direction = Literal["rising", "falling", "steady"]


@dataclass(frozen=True)
class Anomaly:
    """A time span in which a signal was far from its usual values in the period.

    Attributes:
        start: the start in seconds since the Unix epoch.
        end: the end in seconds since the Unix epoch.
        value: the most unusual value within.
        usual: the median of all values.
        deviations: the distance of the value from that, in standard deviations, which are estimated
            from the median absolute deviation.
    """

    start: float
    end: float
    value: float
    usual: float
    deviations: float


@dataclass(frozen=True)
class SignalTrend:
    """A signal over a period.

    Attributes:
        signal: its name, as in rules.
        summary: a description of it.
        unit: the unit of its values.
        times: the times of the values, in seconds since the Unix epoch.
        values: the values; None for no data.
        latest: the last known value.
        mean: the mean of the known values.
        lowest: the minimum of the known values.
        highest: the maximum of the known values.
        shortfall: why there is no trend yet: how many values there are over which time, and how
            many are needed; None if there is a trend.
        slope: the increase per hour, by least squares; None for fewer than six values, and for
            values over less than a quarter of an hour.
        direction: `rising` or `falling` if the line explains half of the variance and changes by a
            tenth of the mean over the period, else `steady`; None without a slope.
        forecast: the value on the same line after `forecast_seconds`.
        forecast_seconds: how far the forecast looks ahead, from the end of the period: an hour, or
            a quarter of the time that the values look back if that is longer, and never further
            than they look back.
        limit: the value at which nothing is left, such as that of memory; None without one.
        limit_in: the seconds from the end of the period until the same line reaches it; None if the
            signal does not rise.
        anomalies: when it was unusual, in order.
    """

    signal: str
    summary: str
    unit: Unit
    times: tuple[float, ...]
    values: tuple[float | None, ...]
    latest: float | None = None
    mean: float | None = None
    lowest: float | None = None
    highest: float | None = None
    shortfall: str | None = None
    slope: float | None = None
    direction: Direction | None = None
    forecast: float | None = None
    forecast_seconds: float | None = None
    limit: float | None = None
    limit_in: float | None = None
    anomalies: tuple[Anomaly, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the fields in types that JSON has."""
        return {
            **vars(self),
            "unit": str(self.unit),
            "times": list(self.times),
            "values": list(self.values),
            "anomalies": [dict(vars(one)) for one in self.anomalies],
        }


def trend_of(
    signal: str,
    summary: str,
    unit: Unit,
    points: Sequence[tuple[float, float | None]],
    *,
    weights: Sequence[int] | None = None,
    noise: float = 0.0,
    highest: float = math.inf,
    limit: float | None = None,
) -> SignalTrend:
    """Return the trend of a signal.

    Args:
        signal: its name.
        summary: a description of it.
        unit: the unit of its values.
        points: pairs of times in seconds since the Unix epoch, in order, and values; None for no
            data.
        weights: the number of samples of each value; values with few are never unusual.
        noise: the standard deviation of chance alone.
        highest: the maximum possible value; the minimum is 0.
        limit: the value at which nothing is left; None without one.
    """
    times, values = tuple(when for when, _ in points), tuple(value for _, value in points)
    known = [(when, value) for when, value in points if value is not None]
    span = known[-1][0] - known[0][0] if known else 0.0
    shortfall = _shortfall(len(known), span)
    trend = SignalTrend(signal, summary, unit, times, values, shortfall=shortfall, limit=limit)
    if not known:
        return trend
    numbers = [value for _, value in known]
    mean = math.fsum(numbers) / len(numbers)
    slope = direction = forecast = ahead = limit_in = None
    end = known[-1][0]
    if shortfall is None:
        line = linear_regression([when - end for when, _ in known], numbers)
        slope = line.slope * 3600.0
        ahead = min(max(HORIZON, _SHARE_AHEAD * span), span)
        forecast = min(highest, max(0.0, line.intercept + line.slope * ahead))
        direction = _direction(known, line.slope, line.intercept, mean)
        if limit is not None and direction == "rising":
            limit_in = max(0.0, (limit - line.intercept) / line.slope)
    return replace(
        trend,
        latest=numbers[-1],
        mean=mean,
        lowest=min(numbers),
        highest=max(numbers),
        slope=slope,
        direction=direction,
        forecast=forecast,
        forecast_seconds=ahead,
        limit_in=limit_in,
        anomalies=anomalies_of(points, unit, weights, noise),
    )


def _shortfall(count: int, span: float) -> str | None:
    """Return why a number of values over some seconds has no trend; None if it has one."""
    if count >= MIN_POINTS and span >= MIN_SPAN:
        return None
    values = "1 value" if count == 1 else f"{count} values over {duration_words(round(span))}"
    needed = f"{MIN_POINTS} values over {duration_words(round(MIN_SPAN))}"
    return f"Not enough data for a trend yet: {values}, and it takes at least {needed}."


def _direction(
    known: Sequence[tuple[float, float]], slope: float, level: float, mean: float
) -> Direction:
    """Return where a line through values leads; the level is that at the last one."""
    end, span = known[-1][0], known[-1][0] - known[0][0]
    variance = math.fsum((value - mean) ** 2 for _, value in known)
    rest = math.fsum((value - level - slope * (when - end)) ** 2 for when, value in known)
    explained = 1.0 - rest / variance if variance > 0 else 0.0
    if explained < _MIN_R_SQUARED or abs(slope) * span < _MIN_CHANGE * abs(mean):
        return "steady"
    return "rising" if slope > 0 else "falling"


_MIN_WEIGHT: Final = 20
"""The minimum number of samples of an unusual value: of fewer, 5 % are less than one."""


def anomalies_of(
    points: Sequence[tuple[float, float | None]],
    unit: Unit,
    weights: Sequence[int] | None = None,
    noise: float = 0.0,
) -> tuple[Anomaly, ...]:
    """Return the time spans in which values were unusual, in order.

    A value is unusual if it is at least six standard deviations from the median of all, where the
    standard deviation is estimated from the median absolute deviation (F. R. Hampel, "The Influence
    Curve and its Role in Robust Estimation", 1974), and is at least 10 % of the median.

    Args:
        points: pairs of times in seconds since the Unix epoch, in order, and values; None for no
            data.
        unit: the unit of the values; the deviation of a ratio is at least 0.01.
        weights: the number of samples of each value; by default all have enough.
        noise: the standard deviation of chance alone, which is the minimum of the deviation.
    """
    judged = [
        (index, value)
        for index, (_, value) in enumerate(points)
        if value is not None and (weights is None or weights[index] >= _MIN_WEIGHT)
    ]
    if len(judged) < MIN_TRAINING:
        return ()
    usual = median(value for _, value in judged)
    spread = MAD_TO_DEVIATION * median(abs(value - usual) for _, value in judged)
    least = max(noise, _LEAST_RATIO if unit == RATIO else 0.0)
    deviation = max(spread, _LEAST_DEVIATION * abs(usual), least)
    if deviation == 0:
        return ()
    stretches: list[list[tuple[int, float]]] = []
    for index, value in judged:
        if abs(value - usual) < UNUSUAL * deviation:
            continue
        if stretches and stretches[-1][-1][0] == index - 1:
            stretches[-1].append((index, value))
        else:
            stretches.append([(index, value)])
    found = [_anomaly(points, stretch, usual, deviation) for stretch in stretches]
    largest = sorted(found, key=lambda one: -one.deviations)[:MAX_ANOMALIES]
    return tuple(sorted(largest, key=lambda one: one.start))


def _anomaly(
    points: Sequence[tuple[float, float | None]],
    stretch: Sequence[tuple[int, float]],
    usual: float,
    deviation: float,
) -> Anomaly:
    first, last = stretch[0][0], stretch[-1][0]
    # A value covers the time since the previous one.
    start = points[first - 1][0] if first else 2 * points[0][0] - points[1][0]
    value = max((value for _, value in stretch), key=lambda one: abs(one - usual))
    return Anomaly(start, points[last][0], value, usual, abs(value - usual) / deviation)
