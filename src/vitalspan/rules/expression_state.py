"""The state of a PromQL alerting rule: its alerts, their labels and annotations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from vitalspan.promql.engine.evaluation_context import EvaluationError
from vitalspan.promql.engine.metric_labels import NAME
from vitalspan.promql.engine.plan import SAME_LABELS
from vitalspan.promql.engine.query import Query, compile_query
from vitalspan.promql.engine.series import Demand, Value
from vitalspan.rules.alert_states import (
    AlertChange,
    AlertInstance,
    AlertStates,
    AlertView,
)
from vitalspan.rules.compiled_rule import CompiledRule, RuleSource
from vitalspan.rules.go_template.execution import TemplateData, fill_in
from vitalspan.rules.go_template.functions import Sample
from vitalspan.rules.go_template.nodes import TemplateError
from vitalspan.rules.go_template.syntax import Template, parse_template
from vitalspan.rules.model import ExpressionRule
from vitalspan.rules.severities import severity_of_label
from vitalspan.signals.reader import Key

TYPE: Final = "expr"
"""The type of alerts from expressions."""

_LONGEST_EXPRESSION: Final = 200

Annotations = dict[str, str]


class ExpressionState(AlertStates):
    """A PromQL alerting rule, with one alert for each element of its result.

    Args:
        rule: the rule.
        group: the name of its group.
        limit: the maximum number of alerts, 0 for no limit.
        store: the source of samples.

    Attributes:
        texts: the annotations of each alert.
    """

    rule: ExpressionRule

    def __init__(self, rule: ExpressionRule, group: str, limit: int, store: RuleSource) -> None:
        super().__init__(rule, group, limit)
        self._store = store
        self._compiled = CompiledRule(rule.alert, rule.expr, store)
        self._labels = [(name, parse_template(text)) for name, text in rule.labels]
        self._annotations = [(name, parse_template(text)) for name, text in rule.annotations]
        self._queries: dict[str, Query] = {
            text: compile_query(text)
            for _, template in (*self._labels, *self._annotations)
            for text in template.queries
        }
        self.texts: dict[Key, Annotations] = {}
        self._missing_kept_until = float("-inf")

    @property
    def demands(self) -> tuple[Demand, ...]:
        """The samples that the expression and the templates need."""
        queries = self._queries.values()
        return (*self._compiled.demands, *(one for query in queries for one in query.demands))

    @property
    def identity(self) -> object:
        """The parts of a rule that must stay the same for its alerts to continue."""
        return type(self), self.group, self.rule.alert, self.rule.labels

    @property
    def severities(self) -> tuple[str, ...]:
        """The severity from the rule's label; none if a template makes it."""
        label = dict(self.rule.labels).get("severity", "")
        return () if "{{" in label else (severity_of_label(label),)

    def evaluate(self, now: float) -> list[AlertChange]:
        """Evaluate the rule: update all alerts, and return those that have changed."""
        present = self._present()
        self._check_limit(len(present), now)
        for key, (texts, value) in present.items():
            instance = self.instances.get(key)
            if instance is None:
                instance = self.instances[key] = AlertInstance(self._new_id(key, now), [None])
            instance.value = value
            self.texts[key] = texts
        changes = []
        for key, instance in list(self.instances.items()):
            if key not in present and now < self._missing_kept_until:
                continue
            instance.states[0] = self._next(instance.states[0], now, holds=key in present)
            change = self._change(key, instance)
            if change is not None:
                changes.append(change)
            if key not in self.instances:
                self.texts.pop(key, None)
        return changes

    def keep_missing(self, now: float) -> None:
        """Keep the alerts of an earlier process while this one has too few samples.

        Args:
            now: when this process started, on the steady clock.
        """
        looks_back = max((demand.range for demand in self.demands), default=0)
        self._missing_kept_until = now + looks_back / 1000

    def severity(self, key: Key, level: int) -> str:  # noqa: ARG002 - there is one level
        """Return the severity from the label of an alert."""
        return severity_of_label(self.labels(key, 0).get("severity", ""))

    def labels(self, key: Key, level: int) -> dict[str, str]:  # noqa: ARG002
        """Return the labels of an alert."""
        return dict(zip(key[::2], key[1::2], strict=True))

    def possible_keys(self) -> list[Key]:
        """Return the keys of the current alerts."""
        return list(self.instances)

    def phases(self) -> Iterator[tuple[dict[str, str], str]]:
        """Yield the labels and the phase of every alert, and of the rule if it has none."""
        for key, instance in self.instances.items():
            dominant = instance.dominant_level()
            phase = "inactive" if dominant is None else dominant[1]
            yield {**self.labels(key, 0), "severity": self.severity(key, 0)}, phase
        if not self.instances:
            plain = {name: text for name, text in self.rule.labels if "{{" not in text}
            severity = severity_of_label(plain.get("severity", ""))
            yield {**plain, "alertname": self.alert, "severity": severity}, "inactive"

    def view(self, key: Key, level: int, covered: float) -> AlertView:  # noqa: ARG002
        """Return the displayed data of an alert besides its state."""
        annotations = self.texts.get(key, {})
        labels = self.labels(key, 0)
        message = annotations.get("summary") or annotations.get("description")
        if not message:
            message = f"{self.rule.expr:.{_LONGEST_EXPRESSION}}".replace("\n", " ")
        return AlertView(TYPE, annotations, message, 0.0, labels.get("operation"))

    def take_over(self, predecessor: AlertStates) -> None:
        """Continue with the alerts of the rule that this one replaces."""
        super().take_over(predecessor)
        if isinstance(predecessor, ExpressionState):
            self.texts = predecessor.texts

    def reset(self) -> None:
        """Start over from zero."""
        super().reset()
        self.texts.clear()

    def _present(self) -> dict[Key, tuple[Annotations, float]]:
        """Return the alerts in the current result of the expression.

        Raises:
            EvaluationError: if two have the same labels, or if there is no result.
        """
        present: dict[Key, tuple[Annotations, float]] = {}
        external = self._store.external_labels
        for labels, value in self._compiled.evaluate():
            shown_value = value if isinstance(value, float) else str(value)
            data = TemplateData(
                labels.mapping, shown_value, self._store.now / 1000, self._query, external
            )
            own = {name: self._text(template, data) for name, template in self._labels}
            alert = {**labels.without((NAME,)).mapping, **own, "alertname": self.alert}
            key: Key = tuple(
                part for name, text in sorted(alert.items()) if text for part in (name, text)
            )
            if key in present:
                raise EvaluationError(f"{SAME_LABELS} after applying alert labels")
            annotations = {name: self._text(one, data) for name, one in self._annotations}
            present[key] = (annotations, number_of(value))
        return present

    def _text(self, template: Template, data: TemplateData) -> str:
        try:
            return fill_in(template, data)
        except TemplateError as fault:
            return f"<error expanding template: {fault}>"

    def _query(self, text: str) -> list[Sample]:
        """Return the result of a query in a template."""
        query = self._queries.get(text)
        if query is None:
            if not self._store.has_everything:
                raise TemplateError(f"the query {text!r:.100} is not written out in the template")
            query = self._queries[text] = compile_query(text)
        try:
            vector = query.evaluate(query.context(self._store, self._store.now))
        except EvaluationError as fault:
            raise TemplateError(str(fault)) from None
        return [Sample(dict(labels.mapping), number_of(value)) for labels, value in vector]


def number_of(value: Value) -> float:
    """Return the value of an alert as a number: 0 for a native histogram."""
    return value if isinstance(value, float) else 0.0
