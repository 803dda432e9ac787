"""Functions of the samples in a range, series by series."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from vitalspan.promql.engine.aggregation import check_quantile
from vitalspan.promql.engine.arithmetic import (
    add_exactly,
    exact_sum,
    largest,
    mean,
    quantile,
    smallest,
    variance,
)
from vitalspan.promql.engine.evaluation_context import EvaluationContext, EvaluationError
from vitalspan.promql.engine.functions.histograms_over_time import (
    HISTOGRAMS_OVER_TIME,
    say_ignored,
    windows_of_numbers,
)
from vitalspan.promql.engine.metric_labels import MetricLabels
from vitalspan.promql.engine.plan import MatrixNode, NameDropping, ScalarNode, Vector, VectorNode
from vitalspan.promql.engine.series import Value, Window

RangeFunction = Callable[[Window], float | None]
"""Takes the numbers of a series, and returns None if there is no result."""


class OverTime(VectorNode):
    """A function of the samples of each series in a range.

    Args:
        name: the name of the function.
        matrix: the samples.
        names: drops metric names.
    """

    def __init__(self, name: str, matrix: MatrixNode, names: NameDropping) -> None:
        self._function = OVER_TIME.get(name) or KEEPING_NAME[name]
        self._of_histograms = HISTOGRAMS_OVER_TIME.get(name)
        self._matrix = matrix
        self._names = names
        # If the values are those of the metric, its name is kept.
        self._keeps_name = name in KEEPING_NAME

    def evaluate(self, context: EvaluationContext) -> Vector:
        drop = self._names.drop
        vector: list[tuple[MetricLabels, Value]] = []
        for window in self._matrix.evaluate(context):
            value = self._value(window, context)
            if value is not None:
                labels = window.labels
                vector.append((labels if self._keeps_name else drop(labels), value))
        return self._names.check(vector)

    def _value(self, window: Window, context: EvaluationContext) -> Value | None:
        if not window.histograms:
            return self._function(window)
        if self._of_histograms is not None:
            return self._of_histograms(window, context)
        if not window.values:
            return None
        say_ignored(window, context)
        return self._function(window)


@dataclass(eq=False)
class QuantileOverTime(VectorNode):
    """A quantile of the samples of each series in a range."""

    q: ScalarNode
    matrix: MatrixNode
    names: NameDropping

    def evaluate(self, context: EvaluationContext) -> Vector:
        q, drop = self.q.evaluate(context), self.names.drop
        windows = list(windows_of_numbers(self.matrix.evaluate(context), context))
        if windows:
            check_quantile(q, context)
        return self.names.check([(drop(one.labels), quantile(q, one.values)) for one in windows])


@dataclass(eq=False)
class PredictLinear(VectorNode):
    """The value that each series will have after some seconds, by linear extrapolation."""

    matrix: MatrixNode
    seconds: ScalarNode
    names: NameDropping

    def evaluate(self, context: EvaluationContext) -> Vector:
        seconds, drop = self.seconds.evaluate(context), self.names.drop
        vector: list[tuple[MetricLabels, float]] = []
        for window in windows_of_numbers(self.matrix.evaluate(context), context):
            if len(window.times) >= 2:
                slope, intercept = _linear_regression(window, context.now)
                vector.append((drop(window.labels), slope * seconds + intercept))
        return self.names.check(vector)


@dataclass(eq=False)
class DoubleExponentialSmoothing(VectorNode):
    """The smoothed value of each series, by Holt's method with factors for level and trend."""

    matrix: MatrixNode
    factors: Sequence[ScalarNode]
    names: NameDropping

    def evaluate(self, context: EvaluationContext) -> Vector:
        smoothing, trend = (factor.evaluate(context) for factor in self.factors)
        windows = self.matrix.evaluate(context)
        if not windows:
            return []
        for name, factor, short in (
            ("smoothing", smoothing, "sf"),
            ("trend", trend, "tf"),
        ):
            if not 0 < factor < 1:
                raise EvaluationError(
                    f"invalid {name} factor. Expected: 0 < {short} < 1, got: {factor:f}"
                )
        drop = self.names.drop
        return self.names.check(
            [
                (drop(one.labels), _smoothed(one.values, smoothing, trend))
                for one in windows_of_numbers(windows, context)
                if len(one.values) >= 2
            ]
        )


def _smoothed(values: array[float], smoothing: float, trend_factor: float) -> float:
    level_before, level = 0.0, values[0]
    trend = values[1] - values[0]
    for index in range(1, len(values)):
        if index > 1:
            trend = trend_factor * (level - level_before) + (1 - trend_factor) * trend
        level_before, level = (
            level,
            smoothing * values[index] + (1 - smoothing) * (level + trend),
        )
    return level


def _linear_regression(window: Window, at: int) -> tuple[float, float]:
    """Return the slope per second of a regression line, and its value at a time."""
    times, values = window.times, window.values
    first = values[0]
    if all(value == first for value in values):
        return (0.0, first) if math.isfinite(first) else (math.nan, math.nan)
    sums = [(0.0, 0.0)] * 4
    for time, value in zip(times, values, strict=True):
        x = (time - at) / 1000
        terms = (x, value, x * value, x * x)
        sums = [add_exactly(term, *sum_) for term, sum_ in zip(terms, sums, strict=True)]
    sum_x, sum_y, sum_xy, sum_xx = (sum_ + error for sum_, error in sums)
    count = len(values)
    covariance = sum_xy - sum_x * sum_y / count
    spread = sum_xx - sum_x * sum_x / count
    slope = covariance / spread if spread else math.nan
    return slope, sum_y / count - slope * sum_x / count


def _derivative(window: Window) -> float | None:
    if len(window.times) < 2:
        return None
    return _linear_regression(window, window.times[0])[0]


def _time_of(window: Window, extreme: float) -> float:
    """Return when the samples last had a value."""
    times = [
        time
        for time, value in zip(window.times, window.values, strict=True)
        if value == extreme or math.isnan(extreme)
    ]
    return times[-1] / 1000


def _median_absolute_deviation(window: Window) -> float:
    if any(math.isnan(value) for value in window.values):
        return math.nan
    median = quantile(0.5, window.values)
    return quantile(0.5, [abs(value - median) for value in window.values])


def _changes(window: Window) -> float:
    changes = 0
    for before, after in pairwise(window.values):
        if before != after and not (math.isnan(before) and math.isnan(after)):
            changes += 1
    return float(changes)


def _resets(window: Window) -> float:
    return float(sum(1 for before, after in pairwise(window.values) if after < before))


def _instant_rate(window: Window) -> float | None:
    if len(window.times) < 2:
        return None
    (before, after), (start, end) = window.values[-2:], window.times[-2:]
    return (after if after < before else after - before) / ((end - start) / 1000)


def _instant_delta(window: Window) -> float | None:
    if len(window.times) < 2:
        return None
    return window.values[-1] - window.values[-2]


OVER_TIME: Final[dict[str, RangeFunction]] = {
    "avg_over_time": lambda window: mean(window.values),
    "changes": _changes,
    "count_over_time": lambda window: float(len(window.values)),
    "deriv": _derivative,
    "idelta": _instant_delta,
    "irate": _instant_rate,
    "mad_over_time": _median_absolute_deviation,
    "max_over_time": lambda window: largest(window.values),
    "min_over_time": lambda window: smallest(window.values),
    "present_over_time": lambda _: 1.0,
    "resets": _resets,
    "stddev_over_time": lambda window: math.sqrt(variance(window.values)),
    "stdvar_over_time": lambda window: variance(window.values),
    "sum_over_time": lambda window: exact_sum(window.values),
    "ts_of_first_over_time": lambda window: window.times[0] / 1000,
    "ts_of_last_over_time": lambda window: window.times[-1] / 1000,
    "ts_of_max_over_time": lambda window: _time_of(window, largest(window.values)),
    "ts_of_min_over_time": lambda window: _time_of(window, smallest(window.values)),
}

KEEPING_NAME: Final[dict[str, RangeFunction]] = {
    "first_over_time": lambda window: window.values[0],
    "last_over_time": lambda window: window.values[-1],
}
"""Functions whose values are those of the metric, and which therefore keep its name."""
