"""A group of current rules, with the states of its rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from vitalspan.history.history import History
from vitalspan.rules.alert_states import AlertStates
from vitalspan.rules.expression_state import ExpressionState
from vitalspan.rules.model import Group, RecordedExpression
from vitalspan.rules.recording_state import RecordingState
from vitalspan.rules.rule_state import RuleState

_SLACK: Final = 1e-3
"""Seconds that a tick may be early and still count for a group's interval."""

Former = dict[object, AlertStates]
"""The states of earlier rules, by group and rule."""


@dataclass
class RunningGroup:
    """A current group, with the states of its rules, and the time of its last evaluation."""

    group: Group
    rule_states: list[RuleState]
    expression_states: list[ExpressionState | RecordingState]
    last: float = float("-inf")

    @property
    def alert_states(self) -> list[AlertStates]:
        """The states of the rules that have alerts."""
        expressions = [one for one in self.expression_states if isinstance(one, ExpressionState)]
        return [*self.rule_states, *expressions]

    def by_rule(self) -> Former:
        """Return the states of the rules that have alerts, by group and rule."""
        return {(self.group.name, state.rule): state for state in self.alert_states}

    def is_due(self, now: float) -> bool:
        """Return whether the group has to be evaluated at a tick, on the steady clock."""
        interval = self.group.interval
        return interval is None or now - self.last >= interval - _SLACK


def running_group(
    group: Group, former: Former, history: History, last: float | None
) -> RunningGroup:
    """Return a group with the states of its rules.

    Args:
        group: the group.
        former: the states of earlier rules; those that continue are removed.
        history: the history that rules look back on.
        last: when a group with this name was last evaluated; None is never.
    """
    running = RunningGroup(group, [], [], float("-inf") if last is None else last)
    for rule in group.rules:
        state = former.pop((group.name, rule), None)
        if not isinstance(state, RuleState):
            state = RuleState(rule, group.name, group.limit, history)
        state.limit = group.limit
        running.rule_states.append(state)
    store = history.samples
    for number, expression in enumerate(group.expressions):
        if isinstance(expression, RecordedExpression):
            running.expression_states.append(RecordingState(expression, group, number, store))
            continue
        expression_state = former.pop((group.name, expression), None)
        if not isinstance(expression_state, ExpressionState):
            expression_state = ExpressionState(expression, group.name, group.limit, store)
        expression_state.limit = group.limit
        running.expression_states.append(expression_state)
    return running
