"""What an Alertmanager is told, and when again: as Prometheus does it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from vitalspan.notify.identity import (
    Identity,
    forget_surplus,
    identity,
    label_set,
    prevailing,
    silenced,
)
from vitalspan.notify.receiver import Outcome
from vitalspan.rules.alert import Alert
from vitalspan.rules.state import RESOLVED_RETENTION

BATCH: Final = 64
"""Alerts that are sent together, as many as Prometheus sends."""

_LIVES: Final = 4
"""Intervals after which an alert that is not sent again counts as over: two may be lost."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Alerts that are sent together.

    Attributes:
        alerts: firing ones and resolved ones.
        at: when it was made, in Unix seconds.
        valid_until: when those that fire count as over, unless they are sent again.
    """

    alerts: tuple[Alert, ...]
    at: float
    valid_until: float

    @property
    def group(self) -> str:
        """One for all: a queue that is full loses its oldest batch, whose alerts come again."""
        return ""


@dataclass
class _Entry:
    """A set of labels that Alertmanager has heard of, or is to hear of.

    Attributes:
        alert: as it was seen last.
        sent: the batch that it was put in last, unless that was lost.
        said: which alert that was, and whether it was over.
    """

    alert: Alert
    sent: Batch | None = None
    said: tuple[str, bool] = ("", False)


class ResendPlan:
    """Sends what fires at once and then every so often, and what is over until it is old.

    Alertmanager tells alerts apart by all of their labels, so an alert whose severity changes is
    over with its old labels and fires with its new ones.

    Args:
        resend: seconds after which an alert is sent again.
    """

    def __init__(self, resend: float) -> None:
        self._resend = resend
        self._entries: dict[Identity, _Entry] = {}

    def observe(self, alerts: Sequence[Alert], now: float) -> int:
        """Take note of all alerts that fire or were resolved; return how many were forgotten."""
        muted = {identity(alert) for alert in alerts if silenced(alert, now)}
        current = prevailing(alerts, label_set)
        for key, alert in current.items():
            entry = self._entries.get(key)
            if entry is None:
                self._entries[key] = _Entry(alert)
            else:
                entry.alert = alert
        for key, entry in list(self._entries.items()):
            if key not in current and entry.alert.state == "firing":
                entry.alert = replace(entry.alert, state="resolved", resolved_at=now)
            # What is silenced runs out in Alertmanager by itself, and is new to it afterwards.
            if _is_old(entry.alert, now) or (muted and identity(entry.alert) in muted):
                del self._entries[key]
        return forget_surplus(self._entries)

    def due(self, now: float, interval: float) -> list[Batch]:
        """Return what is to be sent now; it counts as under way."""
        valid_until = now + _LIVES * max(interval, self._resend)
        due = [entry for entry in self._entries.values() if self._is_due(entry, now)]
        batches = []
        for part in _parts(due):
            batch = Batch(tuple(entry.alert for entry in part), now, valid_until)
            for entry in part:
                entry.sent, entry.said = batch, _said(entry.alert)
            batches.append(batch)
        return batches

    def settle(self, message: Batch, outcome: Outcome) -> None:
        """Take note of what became of a batch; one that was refused is sent again in time."""
        if outcome in ("sent", "rejected"):
            return
        for alert in message.alerts:
            entry = self._entries.get(label_set(alert))
            if entry is not None and entry.sent is message:
                entry.sent = None

    def _is_due(self, entry: _Entry, now: float) -> bool:
        if entry.sent is None or entry.said != _said(entry.alert):
            return True
        # A clock that was set back must not keep alerts from being sent.
        return not 0 <= now - entry.sent.at < self._resend


def _said(alert: Alert) -> tuple[str, bool]:
    return alert.id, alert.state == "resolved"


def _is_old(alert: Alert, now: float) -> bool:
    ended = alert.resolved_at
    return alert.state == "resolved" and ended is not None and now - ended > RESOLVED_RETENTION


def _parts(entries: Sequence[_Entry]) -> Iterator[Sequence[_Entry]]:
    for start in range(0, len(entries), BATCH):
        yield entries[start : start + BATCH]
