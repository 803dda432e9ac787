"""The sum of rates, which most rules use, with cached groups of series."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from vitalspan.promql.engine.arithmetic import exact_sum
from vitalspan.promql.engine.evaluation_context import EvaluationContext
from vitalspan.promql.engine.functions.rates import Rate, span_of
from vitalspan.promql.engine.grouping import Grouping
from vitalspan.promql.engine.metric_labels import EMPTY, MetricLabels
from vitalspan.promql.engine.plan import RangeSelector, Vector, VectorNode
from vitalspan.promql.engine.series import Series
from vitalspan.promql.engine.sums import Sum

Columns = tuple[Sequence[MetricLabels], list[float]]
"""The labels and values of a vector. Identical label objects have the same meaning."""


class SumOfRates(VectorNode):
    """The sum of the rates of counters, in groups.

    It has the same result as `Sum` and `Rate`. It remembers the group of each series, and as long
    as no series ends, begins at another time or is reset within the range, it only adds numbers.

    Args:
        rate: the rates.
        grouping: groups the series.
    """

    def __init__(self, rate: Rate, grouping: Grouping) -> None:
        self._rate = rate
        self._sum = Sum(rate, grouping)
        self._keys = grouping.keys
        self._series: Sequence[Series] = ()
        self._count = 0
        self._last: Series | None = None
        self._labels: tuple[MetricLabels, ...] = ()
        self._groups: list[int] = []

    def evaluate(self, context: EvaluationContext) -> Vector:
        columns = self.columns(context)
        if columns is None:
            return self._sum.evaluate(context)
        return list(zip(*columns, strict=True))

    def columns(self, context: EvaluationContext) -> Columns | None:
        """Return the labels of all groups and their sums; None if the fast path does not apply."""
        rate = self._rate
        matrix = rate.matrix
        if not isinstance(matrix, RangeSelector):
            return None
        series = matrix.series(context)
        if not series:
            return (), []
        # Series are appended to the list or removed from it, so this detects every change.
        if series is not self._series or len(series) != self._count or series[-1] is not self._last:
            self._look_at(series)
        values = self._rates(series, matrix.end(context))
        if values is None:
            return None
        rate.say_if_no_counter(context)
        if len(self._labels) < len(values):
            values = self._sums(values)
        return self._labels, values

    def _rates(self, series: Sequence[Series], end: int) -> list[float] | None:
        rate = self._rate
        times = series[0].times
        span = span_of(times, end - rate.matrix.range, end)
        if span is None:
            return None
        first, last, sampled, to_start, to_end = span
        factor = (sampled + to_start + to_end) / sampled * rate.scale
        rates: list[float] = []
        for one in series:
            if one.times is not times or one.has_stale or one.resets is None or one.resets:
                return None
            # With resets it only has numbers; a cast would cost a call for each series.
            values: array[float] = one.values  # type: ignore[assignment]
            first_value = values[first]
            growth = values[last] - first_value
            if growth > 0 and first_value * sampled < to_start * growth:
                # A counter was never below zero, so it did not start before it was zero.
                to_zero = sampled * (first_value / growth)
                rates.append(growth * ((sampled + to_zero + to_end) / sampled * rate.scale))
            else:
                rates.append(growth * factor)
        return rates

    def _sums(self, values: list[float]) -> list[float]:
        groups: list[list[float]] = [[] for _ in self._labels]
        for group, value in zip(self._groups, values, strict=True):
            groups[group].append(value)
        return [exact_sum(group) for group in groups]

    def _look_at(self, series: Sequence[Series]) -> None:
        """Determine the group of each series."""
        drop, keys = self._rate.names.drop, self._keys
        numbers: dict[MetricLabels, int] = {}
        groups: list[int] = []
        for one in series:
            labels = EMPTY if keys is None else keys[drop(one.labels)]
            groups.append(numbers.setdefault(labels, len(numbers)))
        self._series, self._count, self._last = series, len(series), series[-1]
        self._labels, self._groups = tuple(numbers), groups


def sum_of(vector: VectorNode, grouping: Grouping, *, delayed_names: bool) -> VectorNode:
    """Return the fastest node that sums a vector in groups.

    Args:
        vector: the vector.
        grouping: groups the elements.
        delayed_names: whether elements may have names that will be dropped later.
    """
    if isinstance(vector, Rate) and vector.is_counter and not delayed_names:
        return SumOfRates(vector, grouping)
    return Sum(vector, grouping)
