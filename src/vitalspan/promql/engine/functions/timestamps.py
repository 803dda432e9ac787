"""The function `timestamp`."""

from __future__ import annotations

from vitalspan.promql.engine.evaluation_context import EvaluationContext
from vitalspan.promql.engine.plan import InstantSelector, NameDropping, Vector, VectorNode


class Timestamp(VectorNode):
    """The time at which each element was taken, in seconds since the epoch.

    That is when the samples of a selector were taken; an expression has the time of the step.

    Args:
        vector: the elements.
        names: takes away the name of the metric.
    """

    def __init__(self, vector: VectorNode, names: NameDropping) -> None:
        self._vector = vector
        self._names = names

    def evaluate(self, context: EvaluationContext) -> Vector:
        vector, drop = self._vector, self._names.drop
        if isinstance(vector, InstantSelector):
            times = vector.times(context)
        else:
            now = context.now / 1000
            times = [(labels, now) for labels, _ in vector.evaluate(context)]
        return self._names.check([(drop(labels), time) for labels, time in times])
