"""Functions that give one number of each native histogram, such as `histogram_count`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from vitalspan.promql.engine.arithmetic import divide
from vitalspan.promql.engine.evaluation_context import EvaluationContext
from vitalspan.promql.engine.float_histogram import FloatHistogram
from vitalspan.promql.engine.functions.native_buckets import native_variance
from vitalspan.promql.engine.plan import NameDropping, Vector, VectorNode, histograms_of


class NativeStatistic(VectorNode):
    """A statistic of each native histogram; elements that are numbers are left out."""

    def __init__(
        self,
        statistic: Callable[[FloatHistogram], float],
        vector: VectorNode,
        names: NameDropping,
    ) -> None:
        self._statistic = statistic
        self._vector = vector
        self._names = names

    def evaluate(self, context: EvaluationContext) -> Vector:
        statistic, drop = self._statistic, self._names.drop
        natives = histograms_of(self._vector.evaluate(context), context)
        return self._names.check([(drop(labels), statistic(one)) for labels, one in natives])


def _deviation(histogram: FloatHistogram) -> float:
    variance = native_variance(histogram)
    return math.sqrt(variance) if variance >= 0 else math.nan


OF_NATIVE_HISTOGRAMS: Final[dict[str, Callable[[FloatHistogram], float]]] = {
    "histogram_avg": lambda histogram: divide(histogram.total, histogram.count),
    "histogram_count": lambda histogram: histogram.count,
    "histogram_stddev": _deviation,
    "histogram_stdvar": native_variance,
    "histogram_sum": lambda histogram: histogram.total,
}
"""The functions by name."""
