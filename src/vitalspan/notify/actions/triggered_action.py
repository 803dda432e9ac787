"""A triggered action: which alerts trigger it, and how often."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from vitalspan.argument_checks import check_whole, is_number
from vitalspan.errors import ConfigurationError
from vitalspan.notify.alert_identity import Identity, identity
from vitalspan.promql.matchers import match_all, parse_matcher
from vitalspan.rules.alert import Alert

Match = str | Mapping[str, str] | Callable[[Alert], bool]
Action = Callable[[Alert], object]

_HOUR: Final = 3600.0
_MAX_COOLING: Final = 10_000
"""The maximum number of alerts whose cooldown is remembered for one action."""


class TriggeredAction:
    """An action and the alerts that trigger it. Not thread-safe.

    Attributes:
        action: the function to run.
        name: its name in records.
        matches: returns whether an alert triggers it.

    Raises:
        ConfigurationError: for an invalid argument.
    """

    def __init__(
        self,
        match: Match,
        action: Action,
        *,
        cooldown: float,
        max_per_hour: int | None,
        name: str | None,
    ) -> None:
        if not callable(action):
            raise ConfigurationError(f"action {action!r:.80} cannot be called: give a function")
        if not is_number(cooldown) or not cooldown >= 0:
            raise ConfigurationError(f"cooldown={cooldown!r:.80}: give seconds from 0 up")
        if max_per_hour is not None:
            check_whole("max_per_hour", max_per_hour)
        self.action = action
        self.name = str(name or getattr(action, "__qualname__", type(action).__qualname__))
        self.matches = _condition(match)
        self._cooldown = cooldown
        self._most = max_per_hour
        self._starts: deque[float] = deque(maxlen=self._most or 1)
        self._started: dict[Identity, float] = {}

    def fresh_copy(self) -> TriggeredAction:
        """Return a copy that has not been triggered yet."""
        return TriggeredAction(
            self.matches,
            self.action,
            cooldown=self._cooldown,
            max_per_hour=self._most,
            name=self.name,
        )

    def refusal(self, alert: Alert, now: float) -> tuple[str, str] | None:
        """Return why the action may not run now, as a result and a reason; None if it may.

        If it returns None, this counts as a run.

        Args:
            alert: an alert that matches.
            now: Unix seconds.
        """
        key = identity(alert)
        last_start = self._started.get(key)
        if last_start is not None and 0 <= now - last_start < self._cooldown:
            return "cooldown", f"it ran {now - last_start:.0f} s ago for this alert"
        starts = self._starts
        if self._most is not None and len(starts) == self._most and 0 <= now - starts[0] < _HOUR:
            return "rate_limited", f"it ran {self._most} times within an hour"
        starts.append(now)
        # The latest one goes to the end of the dict, so that the first ones are the oldest.
        self._started.pop(key, None)
        self._started[key] = now
        if len(self._started) > _MAX_COOLING:
            del self._started[next(iter(self._started))]
        return None


def _condition(match: Match) -> Callable[[Alert], bool]:
    if isinstance(match, str):
        match = {"alertname": match}
    if not isinstance(match, Mapping):
        if not callable(match):
            raise ConfigurationError(
                f"match={match!r:.80}: use the name of an alert, a mapping of labels, or a function"
            )
        return match
    matchers = []
    for label, text in match.items():
        if not isinstance(label, str) or not isinstance(text, str):
            raise ConfigurationError(
                f"match: {label!r:.80}: {text!r:.80}: labels and their values have to be strings"
            )
        try:
            matchers.append(parse_matcher(label, text))
        except ValueError as mistake:
            raise ConfigurationError(f"match: {label}: {text!r:.80}: {mistake}") from None

    def matches(alert: Alert) -> bool:
        fields = {"alertname": alert.alertname, "type": alert.type, "severity": alert.severity}
        return match_all(matchers, {**fields, **alert.labels})

    return matches
