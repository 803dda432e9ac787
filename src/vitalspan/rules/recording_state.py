"""The state of a recording rule, whose result at each tick is stored as series."""

from __future__ import annotations

from vitalspan.promql.engine.evaluation_context import EvaluationError
from vitalspan.promql.engine.metric_labels import NAME
from vitalspan.promql.engine.plan import SAME_LABELS
from vitalspan.promql.engine.series import Demand
from vitalspan.rules.alert_states import AlertChange
from vitalspan.rules.compiled_rule import CompiledRule, RuleSource
from vitalspan.rules.model import Group, RecordedExpression


class RecordingState:
    """A recording rule.

    Args:
        rule: the rule.
        group: the group of the rule.
        number: the index of the rule in the group.
        store: the source of samples, and the store of the result.

    Attributes:
        name: the name of the metric that it records.
        group: the name of its group.
        owner: identifies its series in the store.
    """

    def __init__(
        self, rule: RecordedExpression, group: Group, number: int, store: RuleSource
    ) -> None:
        self.name = rule.record
        self.group = group.name
        self.owner = (group.name, number, rule)
        self._limit = group.limit
        self._store = store
        self._compiled = CompiledRule(rule.record, rule.expr, store)
        self._changes = {NAME: rule.record, **dict(rule.labels)}

    @property
    def demands(self) -> tuple[Demand, ...]:
        """The samples that it needs."""
        return self._compiled.demands

    def evaluate(self, now: float) -> list[AlertChange]:  # noqa: ARG002 - it is the store's
        """Record the result at the last tick; no alert changes by that.

        Raises:
            EvaluationError: if there is no result, or if it is not a set of series.
        """
        changes = self._changes
        vector = [(one.updated(changes), value) for one, value in self._compiled.evaluate()]
        if len({labels for labels, _ in vector}) < len(vector):
            raise EvaluationError(f"{SAME_LABELS} after applying rule labels")
        if self._limit and len(vector) > self._limit:
            raise EvaluationError(
                f"{len(vector)} series are more than the limit of its group, {self._limit}"
            )
        self._store.record(self.owner, vector)
        return []
