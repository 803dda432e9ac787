"""Queries: expressions that are compiled once and evaluated as often as needed."""

from __future__ import annotations

from typing import Final

from vitalspan.promql.engine.compile import Compiler
from vitalspan.promql.engine.evaluation_context import (
    LOOKBACK,
    SUBQUERY_INTERVAL,
    EvaluationContext,
)
from vitalspan.promql.engine.metric_labels import EMPTY, MetricLabels
from vitalspan.promql.engine.parse import parse
from vitalspan.promql.engine.plan import (
    NameDropping,
    Node,
    ScalarNode,
    Vector,
    VectorNode,
    check_unique,
)
from vitalspan.promql.engine.series import Demand, SeriesSource, Value


class Query:
    """An expression and its plan.

    Args:
        text: the expression.
        plan: the compiled plan.
        demands: the series that it needs.
    """

    def __init__(self, text: str, plan: Node, demands: tuple[Demand, ...]) -> None:
        self.text: Final = text
        self.plan: Final = plan
        self.demands: Final = demands

    @property
    def is_vector(self) -> bool:
        """True if the result is an instant vector or a number, as it has to be in rules."""
        return isinstance(self.plan, (VectorNode, ScalarNode))

    def context(
        self,
        source: SeriesSource,
        at: int,
        *,
        lookback: int = LOOKBACK,
        subquery_interval: int = SUBQUERY_INTERVAL,
    ) -> EvaluationContext:
        """Return the context of an evaluation at one time, in milliseconds since the epoch."""
        return EvaluationContext(
            source, at, at, lookback=lookback, subquery_interval=subquery_interval
        )

    def evaluate(self, context: EvaluationContext) -> Vector:
        """Return the instant vector at the context's step; a number has no labels.

        Raises:
            EvaluationError: if there is no result for these samples.
        """
        plan = self.plan
        if isinstance(plan, ScalarNode):
            return [(EMPTY, plan.evaluate(context))]
        assert isinstance(plan, VectorNode)  # noqa: S101 - callers look at `is_vector`
        vector = plan.evaluate(context)
        if any(labels.drops_name for labels, _ in vector):
            vector = [(labels.final, value) for labels, value in vector]
            check_unique(vector)
        return vector

    def evaluate_range(self, context: EvaluationContext) -> dict[MetricLabels, dict[int, Value]]:
        """Return the values of each series at the steps from the context's start to its end.

        Raises:
            EvaluationError: if there is no result for these samples.
        """
        result: dict[MetricLabels, dict[int, Value]] = {}
        for now in range(context.start, context.end + 1, context.step):
            context.now = now
            for labels, value in self.evaluate(context):
                result.setdefault(labels, {})[now] = value
        return result


def compile_query(text: str, *, delayed_names: bool = False) -> Query:
    """Compile an expression.

    Args:
        text: the expression.
        delayed_names: whether operations drop metric names at the end of the evaluation, as in
            Prometheus with the feature `promql-delayed-name-removal`.

    Raises:
        PromqlError: for invalid PromQL, or anything that the evaluator does not support.
        MissingExtraError: if promql-parser is not installed.
    """
    compiler = Compiler(NameDropping(delayed=delayed_names))
    plan = compiler.compile(parse(text))
    return Query(text, plan, tuple(compiler.demands))
