"""The functions `rate`, `increase` and `delta`, extrapolated to the limits of the range."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from typing import Final, NamedTuple

from vitalspan.promql.engine.evaluation_context import EvaluationContext
from vitalspan.promql.engine.float_histogram import FloatHistogram
from vitalspan.promql.engine.functions.histogram_growth import histogram_growth
from vitalspan.promql.engine.histogram_arithmetic import scaled
from vitalspan.promql.engine.histogram_operators import mixed_samples
from vitalspan.promql.engine.metric_labels import NAME, MetricLabels
from vitalspan.promql.engine.plan import MatrixNode, NameDropping, RangeSelector, Vector, VectorNode
from vitalspan.promql.engine.series import Value, Window

_COUNTER_SUFFIXES: Final = ("_total", "_sum", "_count", "_bucket")

_NEAR: Final = 1.1
"""The range is extrapolated to a limit within this many average distances of samples."""


class Span(NamedTuple):
    """The times of the samples in a range, shared by all series with the same times.

    Attributes:
        first: the index of the first sample.
        last: the index of the last sample, after the first one.
        sampled: the seconds between them.
        to_start: the seconds of extrapolation before the first sample.
        to_end: the seconds of extrapolation after the last sample.
    """

    first: int
    last: int
    sampled: float
    to_start: float
    to_end: float


def span_of(times: array[int], start: int, end: int) -> Span | None:
    """Return the span of the samples in a left-open range; None if there are fewer than two.

    If the series begins or ends within the range, half the average distance of samples is added; if
    its samples reach a limit, the distance to the limit. This is the extrapolation of Prometheus,
    `extrapolatedRate` in its promql/functions.go.
    """
    first, last = bisect_right(times, start), bisect_right(times, end) - 1
    if first >= last:
        return None
    sampled = (times[last] - times[first]) / 1000
    average = sampled / (last - first)
    to_start, to_end = (times[first] - start) / 1000, (end - times[last]) / 1000
    return Span(
        first,
        last,
        sampled,
        average / 2 if to_start >= average * _NEAR else to_start,
        average / 2 if to_end >= average * _NEAR else to_end,
    )


class Rate(VectorNode):
    """The increase of each series in a range, in total or per second.

    Args:
        matrix: the samples.
        is_counter: whether the series are counters, which are reset when they decrease.
        per_second: whether the increase is divided by the seconds of the range.
        names: drops metric names.
    """

    def __init__(
        self, matrix: MatrixNode, names: NameDropping, *, is_counter: bool, per_second: bool
    ) -> None:
        self.matrix = matrix
        self.is_counter = is_counter
        self.scale = 1000 / matrix.range if per_second else 1.0
        self.names = names
        self._distinct = isinstance(matrix, RangeSelector) and matrix.one_name

    def evaluate(self, context: EvaluationContext) -> Vector:
        end = self.matrix.end(context)
        start = end - self.matrix.range
        drop, is_counter, scale = self.names.drop, self.is_counter, self.scale
        vector: list[tuple[MetricLabels, Value]] = []
        natives: list[Window] = []
        times: array[int] | None = None
        span: Span | None = None
        for labels, own_times, values, resets in self._columns(context, start, end, natives):
            if own_times is not times:
                times, span = own_times, span_of(own_times, start, end)
            if span is None:
                continue
            first, last, sampled, to_start, to_end = span
            first_value = values[first]
            growth = values[last] - first_value
            if is_counter:
                if resets is None or resets:
                    growth += _lost_in_resets(own_times, values, resets, first, last)
                if growth > 0 and first_value >= 0:
                    # A counter was never below zero, so it did not start before it was zero.
                    to_zero = sampled * (first_value / growth)
                    to_start = min(to_start, to_zero)
            vector.append(
                (drop(labels), growth * ((sampled + to_start + to_end) / sampled * scale))
            )
        if vector:
            self.say_if_no_counter(context)
        for window in natives:
            histogram = self._of_histograms(window, start, end, context)
            if histogram is not None:
                context.has_histograms = True
                vector.append((drop(window.labels), histogram))
        return vector if self._distinct else self.names.check(vector)

    def _of_histograms(
        self, window: Window, start: int, end: int, context: EvaluationContext
    ) -> FloatHistogram | None:
        """Return the rate of native histograms; None if there is none."""
        if window.values:
            context.annotations.warn(mixed_samples(window.labels))
            return None
        times = array("q", window.histogram_times)
        span = span_of(times, start, end)
        if span is None:
            return None
        growth = histogram_growth(window, context, is_counter=self.is_counter)
        if growth is None:
            return None
        _, _, sampled, to_start, to_end = span
        first_count = window.histograms[0].count
        if self.is_counter and growth.count > 0 and first_count >= 0:
            to_start = min(to_start, sampled * (first_count / growth.count))
        return scaled(growth, (sampled + to_start + to_end) / sampled * self.scale)

    def _columns(
        self, context: EvaluationContext, start: int, end: int, natives: list[Window]
    ) -> Iterator[tuple[MetricLabels, array[int], array[float], list[tuple[int, float]] | None]]:
        """Yield labels, times, values and resets of each series, without copying if possible.

        Windows with native histograms are added to `natives` instead.
        """
        matrix = self.matrix
        if not isinstance(matrix, RangeSelector):
            for window in matrix.evaluate(context):
                if window.histograms:
                    natives.append(window)
                else:
                    yield window.labels, window.times, window.values, None
            return
        for series in matrix.series(context):
            if not series.has_stale:
                # It only has numbers then.
                values: array[float] = series.values  # type: ignore[assignment]
                resets: list[tuple[int, float]] | None = series.resets  # type: ignore[assignment]
                yield series.labels, series.times, values, resets
                continue
            samples = series.window(start, end)
            if samples is not None and samples.histograms:
                natives.append(samples)
            elif samples is not None:
                yield samples.labels, samples.times, samples.values, None

    def say_if_no_counter(self, context: EvaluationContext) -> None:
        """Add an info annotation about metrics whose names are not those of counters."""
        matrix = self.matrix
        if not self.is_counter or not isinstance(matrix, RangeSelector):
            return
        name = matrix.demand.selector.name
        names = {name} if name else {series.labels.get(NAME) for series in matrix.series(context)}
        for one in sorted(names):
            if one and not one.endswith(_COUNTER_SUFFIXES):
                context.annotations.inform(
                    "metric might not be a counter, name does not end in "
                    f'_total/_sum/_count/_bucket: "{one}"'
                )


def _lost_in_resets(
    times: array[int],
    values: array[float],
    resets: list[tuple[int, float]] | None,
    first: int,
    last: int,
) -> float:
    """Return what a counter had counted before each reset."""
    if resets is not None:
        start, end = times[first], times[last]
        return sum(before for time, before in resets if start < time <= end)
    lost = 0.0
    before = values[first]
    for index in range(first + 1, last + 1):
        value = values[index]
        if value < before:
            lost += before
        before = value
    return lost
