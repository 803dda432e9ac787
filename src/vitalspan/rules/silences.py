"""Silences, which mute alerts for all receivers for a while."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from vitalspan.promql.matchers import Matcher, match_all, parse_matcher
from vitalspan.rules.alert import Alert

MOST: Final = 1000
"""The maximum number of silences; beyond it, the oldest one is dropped."""


@dataclass(frozen=True)
class Silence:
    """A silence, which mutes alerts whose labels match.

    Attributes:
        id: the id of the silence.
        where: matchers of the alert's labels, including `alertname` and `severity`.
        until: when it ends, in seconds since the Unix epoch.
        comment: the reason.
    """

    id: int
    where: tuple[Matcher, ...]
    until: float
    comment: str = ""


class Silences:
    """The silences of one monitor."""

    def __init__(self) -> None:
        self._next = 1
        self._lock = threading.Lock()
        self._silences: dict[int, Silence] = {}

    def add(self, where: Mapping[str, str], until: float, comment: str = "") -> Silence:
        """Add a silence.

        Args:
            where: `alertname`, `severity` or any label, with a value or `!=`, `=~`, `!~` before it.
            until: when it ends, in seconds since the Unix epoch.
            comment: the reason.

        Raises:
            ValueError: without a matcher, with matchers that match an alert without any labels,
                because they would silence nearly everything, and for an invalid regular expression.
        """
        if not isinstance(where, Mapping):
            raise ValueError(  # noqa: TRY004 - as for every other condition that cannot be used
                f"{where!r:.80} is not a mapping: use conditions such as {{'alertname': 'Slow'}}"
            )
        matchers = tuple(parse_matcher(label, value) for label, value in where.items())
        if all(matcher.matches("") for matcher in matchers):
            raise ValueError(
                f"a silence of {dict(where)!r:.200} would silence alerts without these labels, "
                "too: give at least one label a value that is not empty; to silence everything, "
                "use {'alertname': '=~.+'}"
            )
        with self._lock:
            silence = Silence(self._next, matchers, until, comment)
            self._next += 1
            self._silences[silence.id] = silence
            if len(self._silences) > MOST:
                del self._silences[next(iter(self._silences))]
        return silence

    def put(self, silence: Silence) -> None:
        """Add a silence of another process."""
        self._silences[silence.id] = silence

    def replace(self, silences: Iterable[Silence]) -> None:
        """Replace the silences by those of another process."""
        self._silences = {silence.id: silence for silence in silences}

    def number_from(self, first: int) -> None:
        """Number silences from here on, so that several processes use different numbers."""
        self._next = first

    def remove(self, silence: int) -> bool:
        """End a silence; return whether there was one with this id."""
        return self._silences.pop(silence, None) is not None

    def active(self, now: float) -> list[Silence]:
        """Return the silences that have not ended at a time, in seconds since the Unix epoch."""
        ended = [one.id for one in list(self._silences.values()) if one.until <= now]
        for one in ended:
            self._silences.pop(one, None)
        return list(self._silences.values())

    def until(self, alert: Alert, now: float) -> float:
        """Return when the silence of an alert ends; 0 if it is not silenced."""
        if not self._silences:
            return 0.0
        ends = [one.until for one in self.active(now) if match_all(one.where, alert.labels)]
        return max(ends, default=0.0)

    def reset(self) -> None:
        """Drop all silences, with a lock that no other thread can hold."""
        self._lock = threading.Lock()
        self._silences.clear()


def silence_document(silence: Silence) -> dict[str, Any]:
    """Return a silence as a document for JSON."""
    where = [[one.label, one.operator, one.value] for one in silence.where]
    return {"id": silence.id, "where": where, "until": silence.until, "comment": silence.comment}


def silence_of(document: Mapping[str, Any]) -> Silence:
    """Return a silence from a document of `silence_document`."""
    where = tuple(Matcher(*one) for one in document["where"])
    return Silence(document["id"], where, document["until"], document["comment"])
