"""Helpers of the tests of plans: a tick, and alerts that change in any way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from support.notify_alerts import START, firing, graded, resolved
from vitalspan.notify.receiver import M, Outcome, Plan
from vitalspan.rules.alert import Alert

NAMES = {"a": "One", "b": "One", "c": "Two"}
"""The names of the alerts, by the keys that identify the alerts of `ChangingAlerts`."""

keys = st.sampled_from(tuple(NAMES))
outcomes = st.sampled_from(["sent", "sent", "failed", "rejected", "unsent"])


def step(
    plan: Plan[M], alerts: Sequence[Alert], now: float, outcome: Outcome | None = "sent"
) -> list[M]:
    """One tick whose messages have a result at once; with None they remain in transit."""
    plan.observe(alerts, now)
    messages = plan.due(now, 5.0)
    if outcome is not None:
        for message in messages:
            plan.settle(message, outcome)
    return messages


class ChangingAlerts(RuleBasedStateMachine):
    """Alerts that begin, change their severity, end and disappear.

    Attributes:
        now: the time in Unix seconds.
        alerts: the current alerts, each by the key in its labels.
        changes: the number of changes, by the alerts' name.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.alerts: dict[str, Alert] = {}
        self.changes = dict.fromkeys(NAMES.values(), 0)
        self._fired = 0

    @rule(key=keys, severity=st.sampled_from(["warning", "critical"]))
    def fire(self, key: str, severity: str) -> None:
        alert, name = self.alerts.get(key), NAMES[key]
        if alert is None or alert.state == "resolved":
            self._fired += 1
            alert = firing(name, severity, known_as=f"{key}{self._fired}", labels={"key": key})
            self.alerts[key] = replace(alert, fired_at=self.now)
        elif alert.severity != severity:
            self.alerts[key] = graded(alert, severity)
        else:
            return
        self.changes[name] += 1

    @rule(key=keys)
    def resolve(self, key: str) -> None:
        alert = self.alerts.get(key)
        if alert is not None and alert.state == "firing":
            self.alerts[key] = resolved(alert, self.now)
            self.changes[NAMES[key]] += 1

    @rule(key=keys)
    def remove(self, key: str) -> None:
        alert = self.alerts.pop(key, None)
        if alert is not None and alert.state == "firing":
            self.changes[NAMES[key]] += 1
