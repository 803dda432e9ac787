"""The sum and the average of groups, for numbers and native histograms."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vitalspan.promql.engine.arithmetic import add_exactly, exact_sum, mean
from vitalspan.promql.engine.evaluation_context import EvaluationContext
from vitalspan.promql.engine.float_histogram import FloatHistogram
from vitalspan.promql.engine.grouping import Grouping, dropped
from vitalspan.promql.engine.histogram_arithmetic import (
    Combined,
    IncompatibleHistogramsError,
    added,
    averaged,
)
from vitalspan.promql.engine.histogram_operators import mixed_schemas, say_how_combined
from vitalspan.promql.engine.metric_labels import EMPTY, MetricLabels
from vitalspan.promql.engine.plan import Vector, VectorNode, numbers_of
from vitalspan.promql.engine.series import Value


@dataclass(eq=False)
class Average(VectorNode):
    """The average of each group."""

    vector: VectorNode
    grouping: Grouping

    def evaluate(self, context: EvaluationContext) -> Vector:
        vector = self.vector.evaluate(context)
        if context.has_histograms:
            return combined_groups(vector, self.grouping, mean, averaged, context)
        return self.grouping.aggregated(numbers_of(vector, context), mean)


@dataclass(eq=False)
class Sum(VectorNode):
    """The sum of each group, without intermediate lists, because most rules use it."""

    vector: VectorNode
    grouping: Grouping

    def evaluate(self, context: EvaluationContext) -> Vector:
        elements, keys = self.vector.evaluate(context), self.grouping.keys
        if context.has_histograms:
            return combined_groups(elements, self.grouping, exact_sum, added, context)
        vector = numbers_of(elements, context)
        if keys is None:
            return [(dropped(EMPTY, vector), exact_sum([v for _, v in vector]))] if vector else []
        single: dict[MetricLabels, float] = {}
        sums: dict[MetricLabels, tuple[float, float]] = {}
        dropped_keys = set()
        for labels, value in vector:
            key = keys[labels]
            if labels.drops_name:
                dropped_keys.add(key)
            if key in sums:
                sums[key] = add_exactly(value, *sums[key])
            elif key in single:
                sums[key] = add_exactly(value, single[key], 0.0)
            else:
                single[key] = value
        for key, (sum_, error) in sums.items():
            single[key] = sum_ if math.isinf(sum_) else sum_ + error
        if dropped_keys:
            return [
                (key.dropped if key in dropped_keys else key, sum_) for key, sum_ in single.items()
            ]
        return list(single.items())


def combined_groups(
    vector: Vector,
    grouping: Grouping,
    of_numbers: Callable[[list[float]], float],
    of_histograms: Callable[[Sequence[FloatHistogram]], Combined],
    context: EvaluationContext,
) -> Vector:
    """Return the sum or the average of groups that may have native histograms.

    A group that mixes numbers and histograms, or incompatible histograms, has no result.
    """
    result: list[tuple[MetricLabels, Value]] = []
    for labels, group in grouping.groups(vector).items():
        numbers = [value for _, value in group if isinstance(value, float)]
        histograms = [value for _, value in group if isinstance(value, FloatHistogram)]
        if numbers and histograms:
            context.annotations.warn("encountered a mix of histograms and floats for aggregation")
        elif numbers:
            result.append((dropped(labels, group), of_numbers(numbers)))
        else:
            histogram = combine(of_histograms, histograms, group[0][0], context)
            if histogram is not None:
                result.append((dropped(labels, group), histogram))
    return result


def combine(
    function: Callable[[Sequence[FloatHistogram]], Combined],
    histograms: Sequence[FloatHistogram],
    labels: MetricLabels,
    context: EvaluationContext,
) -> FloatHistogram | None:
    """Return the combination of histograms; None if they are incompatible.

    Args:
        function: combines them.
        histograms: at least one.
        labels: the labels of their series.
        context: collects annotations.
    """
    try:
        result = function(histograms)
    except IncompatibleHistogramsError:
        context.annotations.warn(mixed_schemas(labels))
        return None
    say_how_combined(result, "aggregation", context.annotations)
    return result.histogram
