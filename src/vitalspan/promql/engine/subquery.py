"""Subqueries: an expression evaluated at many steps, as a range vector."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from vitalspan.promql.engine.evaluation_context import EvaluationContext, EvaluationError
from vitalspan.promql.engine.float_histogram import FloatHistogram
from vitalspan.promql.engine.metric_labels import MetricLabels
from vitalspan.promql.engine.plan import Matrix, MatrixNode, TimeShift, VectorNode
from vitalspan.promql.engine.series import Value, window_of

MAX_STEPS: Final = 11_000
"""The maximum number of steps of a subquery or range, as for ranges in Prometheus."""


@dataclass(eq=False)
class Subquery(MatrixNode):
    """An expression, evaluated at the steps within a range.

    As in Prometheus, the steps are multiples of the interval, whatever the evaluation time is.
    """

    vector: VectorNode
    shift: TimeShift
    range: int
    interval: int | None

    def end(self, context: EvaluationContext) -> int:
        return self.shift.time(context)

    def evaluate(self, context: EvaluationContext) -> Matrix:
        if self.shift.at is None:
            return self._evaluate(context)
        # The result is the same at every step.
        matrix: Matrix | None = context.constant.get(self)
        if matrix is None:
            matrix = context.constant[self] = self._evaluate(context)
        return matrix

    def _evaluate(self, context: EvaluationContext) -> Matrix:
        end = self.end(context)
        interval = self.interval or context.subquery_interval
        first = ((end - self.range) // interval + 1) * interval
        if (end - first) // interval >= MAX_STEPS:
            raise EvaluationError(
                f"a subquery has more than {MAX_STEPS} steps: make its step longer"
            )
        samples: dict[MetricLabels, list[tuple[int, Value]]] = {}
        outer = context.now
        try:
            for step in range(first, end + 1, interval):
                context.now = step
                for labels, value in self.vector.evaluate(context):
                    samples.setdefault(labels, []).append((step, _of_step(value)))
        finally:
            context.now = outer
        windows = (window_of(labels, every_sample) for labels, every_sample in samples.items())
        return [window for window in windows if window is not None]


def _of_step(value: Value) -> Value:
    """Return a value without a reset hint, because the previous sample is not that of the step."""
    if isinstance(value, FloatHistogram) and value.reset_hint != "gauge":
        return replace(value, reset_hint="unknown")
    return value
