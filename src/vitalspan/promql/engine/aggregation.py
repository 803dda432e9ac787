"""Aggregations: `sum`, `topk`, `quantile` and the others, with their `by` and `without`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

from vitalspan.promql.engine.arithmetic import (
    add_exactly,
    exact_sum,
    format_number,
    mean,
    quantile,
)
from vitalspan.promql.engine.evaluation_context import EvaluationContext, EvaluationError
from vitalspan.promql.engine.metric_labels import (
    EMPTY,
    NAME,
    LabelCache,
    MetricLabels,
    kept_labels,
    removed_labels,
)
from vitalspan.promql.engine.plan import ScalarNode, Vector, VectorNode

_LARGEST_COUNT: Final = 2**62


class Grouping:
    """The labels that elements are grouped by.

    Args:
        labels: those of `by` or `without`.
        without: whether they are those that do not count.
    """

    def __init__(self, labels: Sequence[str] = (), *, without: bool = False) -> None:
        self.labels = tuple(labels)
        self.without = without
        self.keys: LabelCache | None = None
        if without:
            self.keys = removed_labels((*labels, NAME))
        elif labels:
            self.keys = kept_labels(labels)

    def groups(self, vector: Vector) -> dict[MetricLabels, Vector]:
        """Return the elements of a vector by the labels of their group."""
        if self.keys is None:
            return {EMPTY: vector} if vector else {}
        groups: dict[MetricLabels, Vector] = {}
        keys = self.keys
        for element in vector:
            key = keys[element[0]]
            group = groups.get(key)
            if group is None:
                groups[key] = [element]
            else:
                group.append(element)
        return groups


def _dropped(labels: MetricLabels, group: Vector) -> MetricLabels:
    """Return a group's labels; its name goes if that of one of its elements does."""
    if any(element[0].drops_name for element in group):
        return labels.dropped
    return labels


class Aggregation(VectorNode):
    """An aggregation: a value for each group, computed from the values of its elements.

    Args:
        aggregate: computes it.
        vector: the elements.
        grouping: makes groups of them.
    """

    def __init__(
        self,
        aggregate: Callable[[list[float]], float],
        vector: VectorNode,
        grouping: Grouping,
    ) -> None:
        self._aggregate = aggregate
        self._vector = vector
        self._grouping = grouping

    def evaluate(self, context: EvaluationContext) -> Vector:
        aggregate = self._aggregate
        groups = self._grouping.groups(self._vector.evaluate(context))
        return [
            (_dropped(labels, group), aggregate([value for _, value in group]))
            for labels, group in groups.items()
        ]


class Sum(VectorNode):
    """The sum of each group, added up without lists in between: it is what most rules use."""

    def __init__(self, vector: VectorNode, grouping: Grouping) -> None:
        self._vector = vector
        self._grouping = grouping

    def evaluate(self, context: EvaluationContext) -> Vector:
        vector, keys = self._vector.evaluate(context), self._grouping.keys
        if keys is None:
            return [(_dropped(EMPTY, vector), exact_sum([v for _, v in vector]))] if vector else []
        single: dict[MetricLabels, float] = {}
        sums: dict[MetricLabels, tuple[float, float]] = {}
        dropped = set()
        for labels, value in vector:
            key = keys[labels]
            if labels.drops_name:
                dropped.add(key)
            if key in sums:
                sums[key] = add_exactly(value, *sums[key])
            elif key in single:
                sums[key] = add_exactly(value, single[key], 0.0)
            else:
                single[key] = value
        for key, (sum_, error) in sums.items():
            single[key] = sum_ if math.isinf(sum_) else sum_ + error
        if dropped:
            return [(key.dropped if key in dropped else key, sum_) for key, sum_ in single.items()]
        return list(single.items())


class QuantileAggregation(VectorNode):
    """A quantile of each group."""

    def __init__(self, q: ScalarNode, vector: VectorNode, grouping: Grouping) -> None:
        self._q = q
        self._vector = vector
        self._grouping = grouping

    def evaluate(self, context: EvaluationContext) -> Vector:
        q = self._q.evaluate(context)
        check_quantile(q, context)
        groups = self._grouping.groups(self._vector.evaluate(context))
        return [
            (_dropped(labels, group), quantile(q, [value for _, value in group]))
            for labels, group in groups.items()
        ]


def check_quantile(q: float, context: EvaluationContext) -> None:
    """Warn of a quantile that is not between 0 and 1."""
    if not 0 <= q <= 1:
        context.annotations.warn(f"quantile value should be between 0 and 1, got {_short(q)}")


def _short(number: float) -> str:
    return f"{number:g}" if math.isfinite(number) else format_number(number)


class LargestOrSmallest(VectorNode):
    """The elements of each group with the largest values, or with the smallest.

    Args:
        count: how many of a group.
        vector: the elements.
        grouping: makes groups of them.
        largest: whether they are the largest.
    """

    def __init__(
        self, count: ScalarNode, vector: VectorNode, grouping: Grouping, *, largest: bool
    ) -> None:
        self._count = count
        self._vector = vector
        self._grouping = grouping
        self._largest = largest

    def evaluate(self, context: EvaluationContext) -> Vector:
        count = whole_number(self._count.evaluate(context))
        if count < 1:
            return []
        groups = self._grouping.groups(self._vector.evaluate(context))
        return [
            element
            for group in groups.values()
            for element in ordered(group, descending=self._largest)[:count]
        ]


def ordered(vector: Vector, *, descending: bool) -> Vector:
    """Return the elements of a vector in order of their values, those that are NaN last."""

    def key(element: tuple[MetricLabels, float]) -> tuple[bool, float]:
        value = element[1]
        if math.isnan(value):
            return True, 0.0
        return False, -value if descending else value

    return sorted(vector, key=key)


def whole_number(value: float) -> int:
    """Return a number of elements as Prometheus takes it.

    Raises:
        EvaluationError: for NaN, and for a number that no integer can be.
    """
    if math.isnan(value):
        raise EvaluationError("Parameter value is NaN")
    if value >= _LARGEST_COUNT * 2:
        raise EvaluationError(f"Scalar value {_short(value)} overflows int64")
    if value <= -_LARGEST_COUNT * 2:
        raise EvaluationError(f"Scalar value {_short(value)} underflows int64")
    return int(value)


class Limit(VectorNode):
    """Any elements of each group, up to a number of them."""

    def __init__(self, count: ScalarNode, vector: VectorNode, grouping: Grouping) -> None:
        self._count = count
        self._vector = vector
        self._grouping = grouping

    def evaluate(self, context: EvaluationContext) -> Vector:
        count = whole_number(self._count.evaluate(context))
        if count < 1:
            return []
        groups = self._grouping.groups(self._vector.evaluate(context))
        return [element for group in groups.values() for element in group[:count]]


class CountValues(VectorNode):
    """The number of elements of each group that have the same value, which becomes a label."""

    def __init__(self, label: str, vector: VectorNode, grouping: Grouping) -> None:
        self._label = label
        self._vector = vector
        labels = grouping.labels if grouping.without else (*grouping.labels, label)
        self._grouping = Grouping(labels, without=grouping.without)

    def evaluate(self, context: EvaluationContext) -> Vector:
        labelled = [
            (labels.updated({self._label: format_number(value)}), value)
            for labels, value in self._vector.evaluate(context)
        ]
        groups = self._grouping.groups(labelled)
        return [(labels, float(len(group))) for labels, group in groups.items()]


def _largest(values: list[float]) -> float:
    numbers = [value for value in values if not math.isnan(value)]
    return max(numbers, default=math.nan)


def _smallest(values: list[float]) -> float:
    numbers = [value for value in values if not math.isnan(value)]
    return min(numbers, default=math.nan)


def _variance(values: list[float]) -> float:
    if any(not math.isfinite(value) for value in values):
        return math.nan
    average = squares = 0.0
    for count, value in enumerate(values, 1):
        delta = value - average
        average += delta / count
        squares += delta * (value - average)
    return squares / len(values)


def _deviation(values: list[float]) -> float:
    return math.sqrt(_variance(values))


def _count(values: list[float]) -> float:
    return float(len(values))


def _one(_: list[float]) -> float:
    return 1.0


AGGREGATES: Final[dict[str, Callable[[list[float]], float]]] = {
    "avg": mean,
    "min": _smallest,
    "max": _largest,
    "count": _count,
    "group": _one,
    "stddev": _deviation,
    "stdvar": _variance,
}
"""Aggregations without a parameter, except `sum`."""
