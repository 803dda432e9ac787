"""Alerts that nobody is told about for a while."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from vitalspan.rules.alert import Alert
from vitalspan.signals.matching import Matcher, match_all, parse_matcher

MOST: Final = 1000
"""Silences that there can be at one time; the oldest goes first."""


@dataclass(frozen=True)
class Silence:
    """Alerts whose labels match are silent.

    Attributes:
        id: of the silence.
        where: conditions on the alert's labels, `alertname` and `severity` among them.
        until: when it ends, seconds since the Unix epoch.
        comment: why.
    """

    id: int
    where: tuple[Matcher, ...]
    until: float
    comment: str = ""


class Silences:
    """Those of one monitor."""

    def __init__(self) -> None:
        self._next = 1
        self._lock = threading.Lock()
        self._silences: dict[int, Silence] = {}

    def add(self, where: Mapping[str, str], until: float, comment: str = "") -> Silence:
        """Add a silence.

        Args:
            where: `alertname`, `severity` or any label, with a value or `!=`, `=~`, `!~` before it.
            until: when it ends, seconds since the Unix epoch.
            comment: why.

        Raises:
            ValueError: for an expression that cannot be.
        """
        matchers = tuple(parse_matcher(label, value) for label, value in where.items())
        with self._lock:
            silence = Silence(self._next, matchers, until, comment)
            self._next += 1
            self._silences[silence.id] = silence
            if len(self._silences) > MOST:
                del self._silences[next(iter(self._silences))]
        return silence

    def remove(self, silence: int) -> bool:
        """End a silence; return whether there was one of that id."""
        return self._silences.pop(silence, None) is not None

    def active(self, now: float) -> list[Silence]:
        """Return those that have not ended, at a time in seconds since the Unix epoch."""
        ended = [one.id for one in list(self._silences.values()) if one.until <= now]
        for one in ended:
            self._silences.pop(one, None)
        return list(self._silences.values())

    def until(self, alert: Alert, now: float) -> float:
        """Return when an alert will be told again, 0 where it is not silenced."""
        if not self._silences:
            return 0.0
        found = [one.until for one in self.active(now) if match_all(one.where, alert.labels)]
        return max(found, default=0.0)

    def reset(self) -> None:
        """Forget them all, with a lock that no other thread can hold."""
        self._lock = threading.Lock()
        self._silences.clear()
