"""The alerts of any kind of rule: their states and changes."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from vitalspan.promql.engine.metric_labels import NAME, metric_labels
from vitalspan.promql.engine.plan import Vector
from vitalspan.rules.alert import STATES, Alert
from vitalspan.rules.alert_state import AlertState, next_state
from vitalspan.rules.model import ExpressionRule, Rule
from vitalspan.signals.reader import Key

ALERTS: Final = "ALERTS"
"""The metric of pending and firing alerts, as in Prometheus."""

_RANKS: Final = {"inactive": 0, "pending": 1, "firing": 2}


Prominence = tuple[int, str]
"""The index of the dominant level, and its phase."""


@dataclass
class AlertInstance:
    """An alert of a rule, with a state for each level, the least severe first.

    Attributes:
        id: the id of the alert.
        states: the state of each level.
        value: the last known value of the signal.
        acknowledged: whether somebody has acknowledged it.
        dates: the time of day for moments on the steady clock.
        reported: the dominant level and its phase in the last change.
    """

    id: str
    states: list[AlertState | None]
    value: float | None = None
    acknowledged: bool = False
    dates: dict[float, float] = field(default_factory=dict)
    reported: Prominence | None = field(default=None)

    def date(self, moment: float, epoch: float) -> float:
        """Return the time of day for a moment, which stays the same if the system clock is set.

        Args:
            moment: the moment on the steady clock.
            epoch: the current difference between the two clocks, in seconds.
        """
        return self.dates.setdefault(moment, moment + epoch)

    def dominant_level(self) -> Prominence | None:
        """Return the dominant level and its phase.

        This is the worst level that is firing, otherwise the worst that is pending, otherwise the
        one that ended last.
        """
        highest: tuple[int, float, int, str] | None = None
        for level, state in enumerate(self.states):
            if state is not None:
                ended = state.resolved_at or 0.0 if state.phase == "inactive" else 0.0
                rank = (_RANKS[state.phase], ended, level, state.phase)
                highest = rank if highest is None else max(highest, rank)
        return None if highest is None else (highest[2], highest[3])


class AlertChange(NamedTuple):
    """A change of an alert's severity or phase from one tick to the next."""

    rule_state: AlertStates
    key: Key
    instance: AlertInstance
    before: Prominence | None
    after: Prominence | None


class TooManyAlertsError(Exception):
    """A rule has more alerts than its group's limit allows.

    Attributes:
        changes: the changes of its alerts, which have all ended.
    """

    def __init__(self, message: str, changes: Sequence[AlertChange]) -> None:
        super().__init__(message)
        self.changes = changes


class AlertStates(ABC):
    """The alerts of one rule.

    Args:
        rule: the rule.
        group: the name of the rule's group.
        limit: the maximum number of alerts, 0 for no limit.

    Attributes:
        alert: the name of the alerts.
        instances: the alerts by their keys.
    """

    def __init__(self, rule: Rule | ExpressionRule, group: str, limit: int) -> None:
        self.rule = rule
        self.alert = self.name = rule.alert
        self.group = group
        self.limit = limit
        self.instances: dict[Key, AlertInstance] = {}

    @property
    @abstractmethod
    def identity(self) -> object:
        """The parts of a rule that must stay the same for its alerts to continue."""

    @property
    @abstractmethod
    def severities(self) -> tuple[str, ...]:
        """The severities that its alerts can have, as far as they are known in advance."""

    @property
    def is_delayed(self) -> bool:
        """True if alerts are pending before they fire."""
        return self.rule.for_seconds > 0

    @abstractmethod
    def evaluate(self, now: float) -> list[AlertChange]:
        """Evaluate the rule: update all alerts, and return those that have changed.

        Args:
            now: the tick, on the steady clock.

        Raises:
            TooManyAlertsError: if there are too many; all alerts have then ended.
        """

    @abstractmethod
    def severity(self, key: Key, level: int) -> str:
        """Return the severity of an alert at a level."""

    @abstractmethod
    def labels(self, key: Key, level: int) -> dict[str, str]:
        """Return the labels of an alert at a level."""

    @abstractmethod
    def possible_keys(self) -> list[Key]:
        """Return the keys of possible alerts: equal keys have equal labels in `phases`.

        A key may be listed twice.
        """

    @abstractmethod
    def phases(self) -> Iterator[tuple[dict[str, str], str]]:
        """Yield the labels of every possible alert, and its phase."""

    @abstractmethod
    def view(self, key: Key, level: int, covered: float) -> AlertView:
        """Return the displayed data of an alert besides its state.

        Args:
            key: the key of the alert.
            level: the dominant level.
            covered: the length of the history in seconds.
        """

    def alerts(self, epoch: float, covered: float) -> list[Alert]:
        """Return the alerts that are pending, firing or resolved.

        Args:
            epoch: the difference between the time of day and the steady clock, in seconds.
            covered: the length of the history in seconds.
        """
        alerts = [
            self.alert_of(key, instance, epoch, covered)
            for key, instance in list(self.instances.items())
        ]
        return [alert for alert in alerts if alert is not None]

    def alert_of(
        self, key: Key, instance: AlertInstance, epoch: float, covered: float
    ) -> Alert | None:
        """Return one alert as users see it; None if it has no state. See `alerts`."""
        prominence = instance.dominant_level()
        if prominence is None:
            return None
        level, phase = prominence
        states = [state for state in instance.states if state is not None and state.phase == phase]
        fired = [state.fired_at for state in states if state.fired_at is not None]
        resolved = instance.states[level]
        return Alert(
            **self.view(key, level, covered)._asdict(),
            id=instance.id,
            alertname=self.alert,
            severity=self.severity(key, level),
            state=STATES[phase],
            labels=self.labels(key, level),
            value=instance.value,
            active_at=instance.date(min(state.active_at for state in states), epoch),
            fired_at=instance.date(min(fired), epoch) if fired else None,
            resolved_at=None
            if resolved is None or resolved.resolved_at is None
            else instance.date(resolved.resolved_at, epoch),
            acknowledged=instance.acknowledged,
        )

    def take_over(self, predecessor: AlertStates) -> None:
        """Continue with the alerts of the rule that this one replaces."""
        self.instances = predecessor.instances

    def end(self, now: float) -> list[AlertChange]:
        """End all alerts, as if their conditions had ended, and return those that have changed."""
        for instance in self.instances.values():
            instance.states = [next_state(state, holds=False, now=now) for state in instance.states]
        changes = [self._change(key, instance) for key, instance in list(self.instances.items())]
        return [change for change in changes if change is not None]

    def reset(self) -> None:
        """Start over from zero."""
        self.instances.clear()

    def _check_limit(self, alert_count: int, now: float) -> None:
        if self.limit and alert_count > self.limit:
            raise TooManyAlertsError(
                f"{alert_count} alerts are more than the limit of its group, {self.limit}",
                self.end(now),
            )

    def _next(self, state: AlertState | None, now: float, *, holds: bool) -> AlertState | None:
        seconds, keep = self.rule.for_seconds, self.rule.keep_firing_for
        return next_state(state, holds=holds, now=now, for_seconds=seconds, keep_firing_for=keep)

    def _change(self, key: Key, instance: AlertInstance) -> AlertChange | None:
        before, after = instance.reported, instance.dominant_level()
        if after is None:
            del self.instances[key]
        if after == before:
            return None
        if after is not None and before is not None and before[1] == "inactive":
            instance.id = self._new_id(key, _active_since(instance))
            instance.acknowledged = False
            instance.dates.clear()
        instance.reported = after
        return AlertChange(self, key, instance, before, after)

    def _new_id(self, key: Key, since: float) -> str:
        identity = repr((self.group, self.alert, self.rule.labels, key, since))
        return hashlib.sha256(identity.encode("utf-8", "replace")).hexdigest()[:16]


class AlertView(NamedTuple):
    """The displayed data of an alert besides its state.

    Attributes:
        type: the signal, or another type of alert.
        annotations: the annotations, with their templates filled in.
        message: what is wrong, in one sentence.
        threshold: the threshold of the severity.
        operation: the operation that it is about, if any.
    """

    type: str
    annotations: dict[str, str]
    message: str
    threshold: float
    operation: str | None


def _active_since(instance: AlertInstance) -> float:
    active = [state.active_at for state in instance.states if state is not None]
    return max(active, default=0.0)


def alert_series(states: AlertStates) -> Vector:
    """Return the series that Prometheus has for the pending and firing alerts of a rule."""
    return [
        (metric_labels({**states.labels(key, level), NAME: ALERTS, "alertstate": phase}), 1.0)
        for key, instance in states.instances.items()
        for level, phase in filter(None, [instance.dominant_level()])
        if phase != "inactive"
    ]
