"""Which alerts set off an action, and how often they may."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from vitalspan.errors import ConfigurationError
from vitalspan.notify.identity import Identity, identity
from vitalspan.rules.alert import Alert
from vitalspan.signals.matching import match_all, parse_matcher

Match = str | Mapping[str, str] | Callable[[Alert], bool]
Action = Callable[[Alert], object]

_HOUR: Final = 3600.0
_MAX_COOLING: Final = 10_000
"""Alerts whose cooldown is remembered for one action."""


class Reaction:
    """An action with what sets it off. Not thread-safe.

    Attributes:
        action: what is run.
        name: for records.
        matches: whether an alert is one that sets it off.

    Raises:
        ConfigurationError: for what cannot be.
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
        number = isinstance(cooldown, (int, float)) and not isinstance(cooldown, bool)
        if not number or not cooldown >= 0:
            raise ConfigurationError(f"cooldown={cooldown!r:.80}: give seconds from 0 up")
        most = max_per_hour
        if most is not None and (isinstance(most, bool) or not isinstance(most, int) or most < 1):
            raise ConfigurationError(
                f"max_per_hour={most!r:.80}: give a whole number from 1 up, or None"
            )
        self.action = action
        self.name = str(name or getattr(action, "__qualname__", type(action).__qualname__))
        self.matches = _condition(match)
        self._cooldown = cooldown
        self._most = most
        self._starts: deque[float] = deque(maxlen=self._most or 1)
        self._started: dict[Identity, float] = {}

    def anew(self) -> Reaction:
        """Return the same with nothing set off yet."""
        return Reaction(
            self.matches,
            self.action,
            cooldown=self._cooldown,
            max_per_hour=self._most,
            name=self.name,
        )

    def refusal(self, alert: Alert, now: float) -> tuple[str, str] | None:
        """Return None and count it as begun; or why it may not begin now: the result, a reason.

        Args:
            alert: one that matches.
            now: Unix seconds.
        """
        key = identity(alert)
        before = self._started.get(key)
        if before is not None and 0 <= now - before < self._cooldown:
            return "cooldown", f"it was run {now - before:.0f} s ago for this alert"
        starts = self._starts
        if self._most is not None and len(starts) == self._most and 0 <= now - starts[0] < _HOUR:
            return "rate_limited", f"it was run {self._most} times within an hour"
        starts.append(now)
        # Last in the dict is latest, so that the first are the ones to forget.
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
                f"match={match!r:.80}: give an alert's name, a mapping of labels, or a function"
            )
        return match
    matchers = []
    for label, text in match.items():
        if not isinstance(label, str) or not isinstance(text, str):
            raise ConfigurationError(f"match: {label!r:.80}: {text!r:.80}: give strings")
        try:
            matchers.append(parse_matcher(label, text))
        except ValueError as mistake:
            raise ConfigurationError(f"match: {label}: {text!r:.80}: {mistake}") from None

    def matches(alert: Alert) -> bool:
        fields = {"alertname": alert.alertname, "type": alert.type, "severity": alert.severity}
        return match_all(matchers, {**fields, **alert.labels})

    return matches
