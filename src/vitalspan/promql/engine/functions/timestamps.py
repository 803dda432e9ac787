"""The function `timestamp`."""

from __future__ import annotations

from vitalspan.promql.engine.evaluation_context import EvaluationContext
from vitalspan.promql.engine.plan import InstantSelector, NameDropping, Vector, VectorNode


class Timestamp(VectorNode):
    """The time at which each element was taken, in seconds since the epoch.

    Args:
        vector: the elements.
        names: takes away the name of the metric.
        of_samples: whether that is when samples were taken; otherwise it is the time of the step.
    """

    def __init__(self, vector: VectorNode, names: NameDropping, *, of_samples: bool) -> None:
        self._vector = vector
        self._names = names
        self._of_samples = of_samples

    def evaluate(self, context: EvaluationContext) -> Vector:
        vector, drop = self._vector, self._names.drop
        if self._of_samples and isinstance(vector, InstantSelector):
            times = vector.times(context)
        else:
            now = context.now / 1000
            times = [(labels, now) for labels, _ in vector.evaluate(context)]
        return self._names.check([(drop(labels), time) for labels, time in times])
