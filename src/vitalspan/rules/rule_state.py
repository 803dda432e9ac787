"""The state of a signal rule: its alerts, which are evaluated at each tick."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from vitalspan.history.history import History
from vitalspan.metrics import OPERATION
from vitalspan.rules.alert_state import AlertState
from vitalspan.rules.alert_states import (
    AlertChange,
    AlertInstance,
    AlertStates,
    AlertView,
)
from vitalspan.rules.alert_text import annotations_of, message
from vitalspan.rules.model import Level, Rule
from vitalspan.signals.reader import Key, QueryReader
from vitalspan.signals.signal import Reading

_ONE_OPERATION: Final = (OPERATION, "=")


class RuleState(AlertStates):
    """A rule and the states of its alerts.

    Args:
        rule: the rule.
        group: the name of its group.
        limit: the maximum number of alerts, 0 for no limit.
        history: the history that the rule looks back on.

    Attributes:
        has_series: whether series for the rule have ever existed.
        readings: the value of each series or group of series at the last evaluation, and its number
            of samples.
    """

    rule: Rule

    def __init__(self, rule: Rule, group: str, limit: int, history: History) -> None:
        super().__init__(rule, group, limit)
        self.keys: list[Key] = []
        self.has_series = False
        self.readings: dict[Key, Reading] = {}
        self.reader = QueryReader(rule.query, history)
        self._sign = 1.0 if rule.above else -1.0
        self._first = self._sign * rule.levels[0].threshold

    @property
    def identity(self) -> object:
        """The parts of a rule that must stay the same for its alerts to continue."""
        rule = self.rule
        severities = tuple(level.severity for level in rule.levels)
        return type(self), self.group, rule.alert, rule.labels, rule.query.by, severities

    @property
    def severities(self) -> tuple[str, ...]:
        """The severities of its levels."""
        return tuple(level.severity for level in self.rule.levels)

    def severity(self, key: Key, level: int) -> str:  # noqa: ARG002 - that of every alert
        """Return the severity of a level."""
        return self.rule.levels[level].severity

    def view(self, key: Key, level: int, covered: float) -> AlertView:
        """Return the displayed data of an alert besides its state."""
        rule, value, labels = self.rule, self.instances[key].value, self.labels(key, level)
        return AlertView(
            rule.query.series or rule.query.signal,
            annotations_of(rule, value, labels),
            message(rule, level, value, labels, covered),
            rule.levels[level].threshold,
            labels.get(OPERATION) or _operation_of(rule),
        )

    def take_over(self, predecessor: AlertStates) -> None:
        """Continue with the alerts of the rule that this one replaces."""
        super().take_over(predecessor)
        if isinstance(predecessor, RuleState):
            self.keys = predecessor.keys
            if self.rule.query == predecessor.rule.query:
                self.reader = predecessor.reader

    def reset(self) -> None:
        """Start over from zero."""
        super().reset()
        self.keys = []
        self.has_series = False
        self.readings = {}
        self.reader.forget()

    def evaluate(self, now: float) -> list[AlertChange]:
        """Evaluate the rule: update all alerts, and return those that have changed.

        Args:
            now: the tick, on the steady clock.

        Raises:
            TooManyAlertsError: if there are too many; all alerts have then ended.
        """
        rule, instances = self.rule, self.instances
        readings = self.reader.read(now)
        self.readings = dict(readings)
        self.has_series = self.has_series or self.reader.has_series()
        least, sign, first = rule.min_count, self._sign, self._first
        due: list[tuple[Key, float | None]] = []
        alert_count = 0
        for key, (reading, samples) in readings:
            value = None if samples < least else reading
            bad = self._bad_without_data(key) if value is None else value * sign > first
            instance = instances.get(key)
            if bad or instance is not None:
                due.append((key, value))
                alert_count += bad or (instance is not None and self._stays(key, instance, value))
        self._check_limit(alert_count, now)
        if instances:
            present = {key for key, _ in readings}
            due += [(key, None) for key in instances if key not in present]
        changes = [self._advance(key, value, now) for key, value in due]
        keys = [key for key, _ in readings]
        if keys != self.keys:
            # Otherwise they stay the same object, which makes comparing them fast.
            self.keys = keys
        return [change for change in changes if change is not None]

    def labels(self, key: Key, level: int) -> dict[str, str]:
        """Return the labels of an alert at a level."""
        own = dict(zip(self.rule.query.by, key, strict=True))
        named = {"alertname": self.rule.alert, "severity": self.rule.levels[level].severity}
        return own | dict(self.rule.labels) | named

    def possible_keys(self) -> list[Key]:
        """Return the keys of the possible alerts, with possible duplicates."""
        return [*self.keys, *self.instances] if self.instances else self.keys

    def phases(self) -> Iterator[tuple[dict[str, str], str]]:
        """Yield the labels of every possible alert, and its phase.

        Of the levels of one alert, only the dominant one is pending or firing.
        """
        keys = self.keys or ([()] if not self.rule.query.by else [])
        for key in dict.fromkeys([*keys, *self.instances]):
            instance = self.instances.get(key)
            dominant = None if instance is None else instance.dominant_level()
            for level in range(len(self.rule.levels)):
                is_dominant = dominant is not None and dominant[0] == level
                phase = dominant[1] if dominant is not None and is_dominant else "inactive"
                yield self.labels(key, level), phase

    def _advance(self, key: Key, value: float | None, now: float) -> AlertChange | None:
        rule = self.rule
        instance = self.instances.get(key)
        if instance is None:
            states: list[AlertState | None] = [None] * len(rule.levels)
            instance = self.instances[key] = AlertInstance(self._new_id(key, now), states)
        if value is not None:
            instance.value = value
        elif rule.no_data == "keep":
            return None
        for index, level in enumerate(rule.levels):
            state = instance.states[index]
            holds = self._holds(key, level, state, value)
            if not holds and state is None:
                continue
            instance.states[index] = self._next(state, now, holds=holds)
        return self._change(key, instance)

    def _stays(self, key: Key, instance: AlertInstance, value: float | None) -> bool:
        """Return whether an alert can keep firing without its condition."""
        if instance.reported is None or instance.reported[1] != "firing":
            return False
        waits = self.rule.keep_firing_for > 0
        return waits or self._holds(key, self.rule.levels[0], instance.states[0], value)

    def _bad_without_data(self, key: Key) -> bool:
        # A series that is too young to be judged is not missing.
        return self.rule.no_data == "alert" and key not in self.reader.young

    def _holds(self, key: Key, level: Level, state: AlertState | None, value: float | None) -> bool:
        if value is None:
            return self._bad_without_data(key)
        firing = state is not None and state.phase == "firing"
        limit = level.clear if firing and level.clear is not None else level.threshold
        return value * self._sign > limit * self._sign


def _operation_of(rule: Rule) -> str | None:
    names = [one.value for one in rule.query.where if (one.label, one.operator) == _ONE_OPERATION]
    return names[0] if names else None
