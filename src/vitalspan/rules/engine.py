"""The rule engine: evaluates all rules of a monitor, tick by tick."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

from vitalspan.history.history import History
from vitalspan.promql.engine.evaluation_context import EvaluationError
from vitalspan.rules.alert import STATES, Alert
from vitalspan.rules.alert_points import AlertPoints
from vitalspan.rules.alert_state import RESOLVED_RETENTION
from vitalspan.rules.alert_states import (
    ALERTS,
    AlertChange,
    AlertStates,
    TooManyAlertsError,
    alert_series,
)
from vitalspan.rules.model import Group
from vitalspan.rules.recording_state import RecordingState
from vitalspan.rules.rule_state import RuleState
from vitalspan.rules.running_group import RunningGroup, running_group
from vitalspan.runtime.internal_errors import logger
from vitalspan.signals.catalogue import is_made_of_scores

_MOST_LOGGED: Final = 100


class RuleEngine:
    """Evaluates rules on a history.

    Args:
        history: the history that the rules look back on.
        epoch: returns the difference between the time of day and the steady clock, in seconds.
        kept: the number of past alerts to keep for reading.

    Attributes:
        transitions: the number of state changes, by alert name, severity and new state.
        failures: the number of failed evaluations, by the name of the rule.
        past: past alerts, the latest last.
        orphaned: ended alerts of rules that are no longer in force.
    """

    def __init__(self, history: History, epoch: Callable[[], float], kept: int) -> None:
        self.history = history
        self.transitions: Counter[tuple[str, str, str]] = Counter()
        self.failures: Counter[str] = Counter()
        self.past: deque[Alert] = deque(maxlen=kept)
        self.silenced: Callable[[Alert, float], float] = _not_silenced
        self._epoch = epoch
        self._groups: list[RunningGroup] = []
        self._due: list[RuleState] = []
        self.orphaned: list[Alert] = []
        self._logged: set[str] = set()
        self._prefix = ""
        self._made_of_scores: set[RuleState] = set()
        self._points = AlertPoints()

    def replace(self, groups: Iterable[Group], now: float) -> None:
        """Replace the rules.

        An alert continues if its rule keeps its name, labels and severities, as in Prometheus.

        Args:
            groups: all groups to evaluate from now on.
            now: the current time on the steady clock.
        """
        former = {key: state for each in self._groups for key, state in each.by_rule().items()}
        times = {each.group.name: each.last for each in self._groups}
        states = set(former.values())
        running = [
            running_group(group, former, self.history, times.get(group.name)) for group in groups
        ]
        self._ask_for_samples(running)
        # Several rules may have the same name and labels: they continue in their order.
        removed: dict[object, list[AlertStates]] = {}
        for rule_state in former.values():
            removed.setdefault(rule_state.identity, []).append(rule_state)
        for rule_state in [state for each in running for state in each.alert_states]:
            if rule_state not in states:
                predecessors = removed.get(rule_state.identity)
                if predecessors:
                    rule_state.take_over(predecessors.pop(0))
        for rule_state in [one for alike in removed.values() for one in alike]:
            self._record(rule_state.end(now))
            self.orphaned += self._alerts_of(rule_state, now)
        self._groups = running
        self._find_made_of_scores()
        self._forget_names({rule_state.alert for rule_state in self.rule_states()})

    def _ask_for_samples(self, running: Iterable[RunningGroup]) -> None:
        """Keep the samples that expressions need, and no others."""
        states = [state for each in running for state in each.expression_states]
        self.history.samples.ask([demand for state in states for demand in state.demands])
        owners = [state.owner for state in states if isinstance(state, RecordingState)]
        self.history.samples.forget_owners([*owners, ALERTS])

    def _forget_names(self, kept: set[str]) -> None:
        for key in [key for key in self.transitions if key[0] not in kept]:
            del self.transitions[key]
        for name in [name for name in self.failures if name not in kept]:
            del self.failures[name]

    def evaluate(self, now: float) -> list[AlertChange]:
        """Evaluate the groups that are due, except for their rules on health scores.

        A health score depends on the alerts of these rules, so the rules on it come afterwards.

        Args:
            now: the tick on the steady clock, which the history has observed.

        Returns:
            The alerts whose severity or phase has changed.
        """
        due = [group for group in self._groups if group.is_due(now)]
        for group in due:
            group.last = now
        self._due = [state for group in due for state in group.rule_states]
        changes = self._evaluate(
            [state for state in self._due if state not in self._made_of_scores], now
        )
        for group in due:
            changes += self._evaluate(group.expression_states, now)
        if self.history.samples.wants(ALERTS):
            alerts = [one for state in self.rule_states() for one in alert_series(state)]
            self.history.samples.record(ALERTS, list(dict.fromkeys(alerts)))
        return changes

    def evaluate_health_rules(self, now: float) -> list[AlertChange]:
        """Evaluate the rules on health scores of the groups that were due at this tick.

        Args:
            now: the tick on the steady clock; the history has observed the scores.

        Returns:
            The alerts whose severity or phase has changed.
        """
        return self._evaluate([state for state in self._due if state in self._made_of_scores], now)

    def _evaluate(
        self, states: Iterable[AlertStates | RecordingState], now: float
    ) -> list[AlertChange]:
        changes: list[AlertChange] = []
        for state in states:
            try:
                changes += state.evaluate(now)
            except Exception as fault:  # noqa: BLE001 - the other rules go on
                changes += fault.changes if isinstance(fault, TooManyAlertsError) else ()
                self._record_failure(state, fault)
        self._record(changes)
        return changes

    def alert_points(self) -> list[tuple[Mapping[str, str], float]]:
        """Return the labels of every possible alert and its points: 0 unless it is firing.

        Alerts on health scores are left out, because a score must not depend on itself.
        """
        made_of_scores: set[AlertStates] = {*self._made_of_scores}
        return self._points.of(
            [state for state in self.rule_states() if state not in made_of_scores]
        )

    def set_metric_prefix(self, metric_prefix: str) -> None:
        """Set the prefix of the monitor's metric names."""
        self._prefix = metric_prefix
        self._find_made_of_scores()

    def _find_made_of_scores(self) -> None:
        self._made_of_scores = {
            rule_state
            for each in self._groups
            for rule_state in each.rule_states
            if is_made_of_scores(rule_state.rule.query, self._prefix)
        }

    def alerts(self, now: float) -> list[Alert]:
        """Return all alerts that are pending, firing, or were resolved recently."""
        limit = now + self._epoch() - RESOLVED_RETENTION
        self.orphaned = [one for one in self.orphaned if (one.resolved_at or 0) >= limit]
        current = [
            alert
            for rule_state in self.rule_states()
            if rule_state.instances
            for alert in self._alerts_of(rule_state, now)
        ]
        return [*current, *(self._with_silence(one, now) for one in self.orphaned)]

    def evaluated(self) -> dict[str, float]:
        """Return when each group was last evaluated, in seconds on the steady clock."""
        return {each.group.name: each.last for each in self._groups if each.last > float("-inf")}

    def set_evaluated(self, times: Mapping[str, float]) -> None:
        """Set when groups were last evaluated, from the result of `evaluated`."""
        for each in self._groups:
            each.last = times.get(each.group.name, each.last)

    def acknowledge(self, alert: str) -> bool:
        """Acknowledge the alert with this id; return whether there is one."""
        instances = [
            instance
            for rule_state in self.rule_states()
            for instance in rule_state.instances.values()
            if instance.id == alert
        ]
        for instance in instances:
            instance.acknowledged = True
        return bool(instances)

    def keep_past(self, kept: int) -> None:
        """Keep this many of the latest past alerts."""
        self.past = deque(self.past, maxlen=kept)

    def rule_states(self) -> list[AlertStates]:
        """Return the states of all rules that have alerts, in the order of their definitions."""
        return [rule_state for each in self._groups for rule_state in each.alert_states]

    def clear(self) -> None:
        """Remove all alerts, including past ones. Alerts whose conditions still hold start over."""
        for rule_state in self.rule_states():
            rule_state.instances.clear()
        self.orphaned.clear()
        self.past.clear()

    def reset(self) -> None:
        """Start over from zero."""
        self.clear()
        self.transitions.clear()
        self.failures.clear()
        for each in self._groups:
            each.last = float("-inf")
            for rule_state in each.alert_states:
                rule_state.reset()

    def _alerts_of(self, rule_state: AlertStates, now: float) -> list[Alert]:
        alerts = rule_state.alerts(self._epoch(), self.history.covered())
        return [self._with_silence(alert, now) for alert in alerts]

    def _with_silence(self, alert: Alert, now: float) -> Alert:
        until = self.silenced(alert, now + self._epoch())
        return replace(alert, silenced_until=until) if until != alert.silenced_until else alert

    def _record(self, changes: Iterable[AlertChange]) -> None:
        for change in changes:
            alert = change.rule_state.alert
            level, phase = change.after or change.before or (0, "inactive")
            severity = change.rule_state.severity(change.key, level)
            if change.after is None:
                if change.before is not None and change.before[1] == "pending":
                    self.transitions[alert, severity, "inactive"] += 1
                continue
            self.transitions[alert, severity, STATES[phase]] += 1
            if phase != "pending":
                alert_shown = change.rule_state.alert_of(
                    change.key, change.instance, self._epoch(), self.history.covered()
                )
                if alert_shown is not None:
                    now = self.history.ticks.times[-1]
                    self.past.append(self._with_silence(alert_shown, now))

    def _record_failure(self, state: AlertStates | RecordingState, fault: Exception) -> None:
        self.failures[state.name] += 1
        text = f"rule {state.name} of group {state.group} failed: {fault}"
        if text not in self._logged and len(self._logged) < _MOST_LOGGED:
            self._logged.add(text)
            is_expected = isinstance(fault, (TooManyAlertsError, EvaluationError))
            logger.warning("%s", text, exc_info=None if is_expected else fault)


def _not_silenced(_: Alert, __: float) -> float:
    return 0.0
