"""One rule as it runs: its alerts, evaluated at each tick."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from vitalspan.history.history import History
from vitalspan.rules.model import Level, Rule
from vitalspan.rules.state import AlertState, step
from vitalspan.signals.bound import Bound, Key

_RANKS: Final = {"inactive": 0, "pending": 1, "firing": 2}


class TooManyAlertsError(Exception):
    """A rule has more alerts than its group's limit allows."""


@dataclass
class Instance:
    """One alert of a rule: a state for each level, the least severe first.

    Attributes:
        id: of the alert, as long as it lives.
        states: one for each level.
        value: of the signal, when it was last known.
        acknowledged: whether somebody has seen it.
        dates: the time of day of each moment on the steady clock that was asked for.
        shown: the level and phase that were told last.
    """

    id: str
    states: list[AlertState | None]
    value: float | None = None
    acknowledged: bool = False
    dates: dict[float, float] = field(default_factory=dict)
    shown: tuple[int, str] | None = field(default=None)

    def date(self, moment: float, epoch: float) -> float:
        """Return the time of day of a moment: the same however often the clock is set meanwhile.

        Args:
            moment: on the steady clock.
            epoch: the present difference between the two, in seconds.
        """
        return self.dates.setdefault(moment, moment + epoch)

    def now_shown(self) -> tuple[int, str] | None:
        """Return the level that counts and its phase.

        It is the worst one that fires, or else is pending, or else the one that ended last.
        """
        best: tuple[int, float, int, str] | None = None
        for level, state in enumerate(self.states):
            if state is not None:
                ended = state.resolved_at or 0.0 if state.phase == "inactive" else 0.0
                rank = (_RANKS[state.phase], ended, level, state.phase)
                best = rank if best is None else max(best, rank)
        return None if best is None else (best[2], best[3])


class Run:
    """A rule with its alerts.

    Args:
        rule: what is evaluated.
        group: the name of its group.
        limit: alerts that it may have at most, 0 for any number.
        history: what it is evaluated on.
    """

    def __init__(self, rule: Rule, group: str, limit: int, history: History) -> None:
        self.rule = rule
        self.group = group
        self.limit = limit
        self.keys: list[Key] = []
        self.instances: dict[Key, Instance] = {}
        self.failures = 0
        self._bound = Bound(rule.query, history)
        self._sign = 1.0 if rule.above else -1.0
        self._first = self._sign * rule.levels[0].threshold
        self._for = rule.for_seconds

    @property
    def identity(self) -> object:
        """What a rule keeps when it is changed, so that its alerts go on."""
        rule = self.rule
        severities = tuple(level.severity for level in rule.levels)
        return self.group, rule.alert, rule.labels, rule.query.by, severities

    def take_over(self, before: Run) -> None:
        """Go on with the alerts of the rule that this one has taken the place of."""
        self.instances, self.keys = before.instances, before.keys
        if self.rule.query == before.rule.query:
            self._bound = before._bound

    def reset(self) -> None:
        """Begin anew from zero."""
        self.instances.clear()
        self.keys = []
        self._bound.forget()

    def evaluate(self, now: float, changed: Callable[[Run, Key, Instance], None]) -> None:
        """Bring every alert up to date.

        Args:
            now: the tick, on the steady clock.
            changed: is told of each alert whose severity or phase is another than before.

        Raises:
            TooManyAlertsError: and all alerts are gone.
        """
        rule, instances = self.rule, self.instances
        readings = self._bound.read(now)
        least, sign, first = rule.min_count, self._sign, self._first
        bad_without_data = rule.no_data == "alert"
        due: list[tuple[Key, float | None]] = []
        begun = 0
        for key, (read, samples) in readings:
            value = None if samples < least else read
            bad = bad_without_data if value is None else value * sign > first
            instance = instances.get(key)
            if bad or instance is not None:
                due.append((key, value))
                begun += bad or (instance is not None and self._stays(instance, value))
        if self.limit and begun > self.limit:
            self.end(now, changed)
            raise TooManyAlertsError(f"{begun} alerts, and its group allows {self.limit}")
        for key, value in due:
            self._advance(key, value, now, changed)
        if instances:
            present = {key for key, _ in readings}
            for key in [key for key in instances if key not in present]:
                self._advance(key, None, now, changed)
        self.keys = [key for key, _ in readings]

    def end(self, now: float, changed: Callable[[Run, Key, Instance], None]) -> None:
        """End every alert, as if its condition had ceased."""
        for key, instance in list(self.instances.items()):
            instance.states = [step(state, holds=False, now=now) for state in instance.states]
            self._tell(key, instance, changed)

    def labels(self, key: Key, level: int) -> dict[str, str]:
        """Return the labels of an alert at a level."""
        own = dict(zip(self.rule.query.by, key, strict=True))
        named = {"alertname": self.rule.alert, "severity": self.rule.levels[level].severity}
        return own | dict(self.rule.labels) | named

    def phases(self) -> Iterator[tuple[dict[str, str], str]]:
        """Yield the labels of every alert that could be, and its phase.

        Of the levels of one alert, only the one that counts is pending or firing.
        """
        keys = self.keys or ([()] if not self.rule.query.by else [])
        for key in dict.fromkeys([*keys, *self.instances]):
            instance = self.instances.get(key)
            shown = None if instance is None else instance.now_shown()
            for level in range(len(self.rule.levels)):
                phase = shown[1] if shown is not None and shown[0] == level else "inactive"
                yield self.labels(key, level), phase

    def _advance(
        self,
        key: Key,
        value: float | None,
        now: float,
        changed: Callable[[Run, Key, Instance], None],
    ) -> None:
        rule = self.rule
        instance = self.instances.get(key)
        if instance is None:
            states: list[AlertState | None] = [None] * len(rule.levels)
            instance = self.instances[key] = Instance(self._new_id(key, now), states)
        if value is not None:
            instance.value = value
        elif rule.no_data == "keep":
            return
        for index, level in enumerate(rule.levels):
            before = instance.states[index]
            holds = self._holds(level, before, value)
            if not holds and before is None:
                continue
            instance.states[index] = step(
                before,
                holds=holds,
                now=now,
                for_seconds=self._for,
                keep_firing_for=rule.keep_firing_for,
            )
        self._tell(key, instance, changed)

    def _stays(self, instance: Instance, value: float | None) -> bool:
        """Whether an alert may fire on without its condition."""
        if instance.shown is None or instance.shown[1] != "firing":
            return False
        waits = self.rule.keep_firing_for > 0
        return waits or self._holds(self.rule.levels[0], instance.states[0], value)

    def _holds(self, level: Level, state: AlertState | None, value: float | None) -> bool:
        if value is None:
            return self.rule.no_data == "alert"
        firing = state is not None and state.phase == "firing"
        limit = level.clear if firing and level.clear is not None else level.threshold
        return value * self._sign > limit * self._sign

    def _tell(
        self, key: Key, instance: Instance, changed: Callable[[Run, Key, Instance], None]
    ) -> None:
        shown = instance.now_shown()
        if shown != instance.shown:
            if shown is not None and instance.shown is not None and instance.shown[1] == "inactive":
                instance.id = self._new_id(key, _active_since(instance))
                instance.acknowledged = False
                instance.dates.clear()
            changed(self, key, instance)
            instance.shown = shown
        if shown is None:
            del self.instances[key]

    def _new_id(self, key: Key, since: float) -> str:
        identity = repr((self.group, self.rule.alert, self.rule.labels, key, since))
        return hashlib.sha256(identity.encode("utf-8", "replace")).hexdigest()[:16]


def _active_since(instance: Instance) -> float:
    active = [state.active_at for state in instance.states if state is not None]
    return max(active, default=0.0)
