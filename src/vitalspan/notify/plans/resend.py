"""The plan for an Alertmanager: alerts are sent repeatedly, as Prometheus does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from vitalspan.notify.alert_identity import (
    Identity,
    forget_surplus,
    label_set,
    most_relevant_by_key,
)
from vitalspan.notify.receiver import Outcome
from vitalspan.rules.alert import Alert
from vitalspan.rules.alert_state import RESOLVED_RETENTION
from vitalspan.rules.silences import Silence

BATCH: Final = 64
"""The number of alerts that are sent together, as in Prometheus."""

_LIVES: Final = 4
"""The number of intervals after which an unrepeated alert counts as resolved: two may be lost."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Alerts that are sent together.

    Attributes:
        alerts: firing and resolved alerts.
        at: when it was made, in Unix seconds.
        valid_until: when its firing alerts count as resolved, unless they are sent again.
    """

    alerts: tuple[Alert, ...]
    at: float
    valid_until: float

    @property
    def group(self) -> str:
        """The same for all: a full queue drops its oldest batch, whose alerts are sent again."""
        return ""


@dataclass(frozen=True, eq=False)
class SilenceChange:
    """A silence to create or to end.

    Attributes:
        silence: the silence.
        ended: whether to end it early.
        at: when this change was made, in Unix seconds.
    """

    silence: Silence
    ended: bool
    at: float

    @property
    def group(self) -> str:
        """A group of its own: only a later change of the same silence replaces it in a queue."""
        return f"silence {self.silence.id}"


@dataclass
class _SilenceEntry:
    """A silence that Alertmanager has, or should have.

    Attributes:
        silence: the silence.
        ended: whether it was ended early.
        reported: the last value of `ended` that was sent to Alertmanager; None if that does not
            have the silence.
        under_way: the change that is not settled yet.
    """

    silence: Silence
    ended: bool = False
    reported: bool | None = None
    under_way: SilenceChange | None = None


@dataclass
class _Entry:
    """A label set that Alertmanager has, or should have.

    Attributes:
        alert: the alert as it was last seen.
        sent: the last batch with it, unless that was lost.
        reported: the id of the alert in that batch, and whether it was resolved.
    """

    alert: Alert
    sent: Batch | None = None
    reported: tuple[str, bool] = ("", False)


class ResendPlan:
    """Sends firing alerts at once and then repeatedly, and resolved ones until they are old.

    Alertmanager identifies alerts by all of their labels, so an alert whose severity changes is
    resolved with its old labels and fires with its new ones. Silenced alerts are sent as well:
    Alertmanager has the same silences and mutes such alerts itself.

    Args:
        resend: seconds after which an alert is sent again.
    """

    def __init__(self, resend: float) -> None:
        self._resend = resend
        self._entries: dict[Identity, _Entry] = {}
        self._silences: dict[int, _SilenceEntry] = {}

    def observe(self, alerts: Sequence[Alert], now: float, silences: Sequence[Silence] = ()) -> int:
        """Observe all alerts that fire or were resolved; return how many had to be dropped."""
        self._observe_silences(silences, now)
        current = most_relevant_by_key(alerts, label_set)
        for key, alert in current.items():
            entry = self._entries.get(key)
            if entry is None:
                self._entries[key] = _Entry(alert)
            else:
                entry.alert = alert
        for key, entry in list(self._entries.items()):
            if key not in current and entry.alert.state == "firing":
                entry.alert = replace(entry.alert, state="resolved", resolved_at=now)
            if _is_old(entry.alert, now):
                del self._entries[key]
        return forget_surplus(self._entries)

    def due(self, now: float, interval: float) -> list[Batch | SilenceChange]:
        """Return what should be sent now, silences first; it counts as being sent."""
        valid_until = now + _LIVES * max(interval, self._resend)
        due = [entry for entry in self._entries.values() if self._is_due(entry, now)]
        messages: list[Batch | SilenceChange] = [*self._silence_changes(now)]
        for part in _parts(due):
            batch = Batch(tuple(entry.alert for entry in part), now, valid_until)
            for entry in part:
                entry.sent, entry.reported = batch, _reported_state(entry.alert)
            messages.append(batch)
        return messages

    def settle(self, message: Batch | SilenceChange, outcome: Outcome) -> None:
        """Record the result of a message; a rejected batch is sent again later."""
        if isinstance(message, SilenceChange):
            self._settle_silence(message, outcome)
            return
        if outcome in ("sent", "rejected"):
            return
        for alert in message.alerts:
            entry = self._entries.get(label_set(alert))
            if entry is not None and entry.sent is message:
                entry.sent = None

    def _observe_silences(self, silences: Sequence[Silence], now: float) -> None:
        for silence in silences:
            self._silences.setdefault(silence.id, _SilenceEntry(silence))
        current = {silence.id for silence in silences}
        for number, entry in list(self._silences.items()):
            entry.ended = number not in current
            unknown = entry.reported is None and entry.under_way is None
            # Alertmanager ends a silence itself when its time is over.
            if entry.ended and (entry.reported or unknown or entry.silence.until <= now):
                del self._silences[number]

    def _silence_changes(self, now: float) -> Iterator[SilenceChange]:
        for entry in self._silences.values():
            if entry.under_way is None and entry.reported is not entry.ended:
                entry.under_way = SilenceChange(entry.silence, entry.ended, now)
                yield entry.under_way

    def _settle_silence(self, change: SilenceChange, outcome: Outcome) -> None:
        entry = self._silences.get(change.silence.id)
        if entry is not None and entry.under_way is change:
            entry.under_way = None
            # A rejected change would be rejected again.
            if outcome in ("sent", "rejected"):
                entry.reported = change.ended

    def _is_due(self, entry: _Entry, now: float) -> bool:
        if entry.sent is None or entry.reported != _reported_state(entry.alert):
            return True
        # A clock that was set back must not keep alerts from being sent.
        return not 0 <= now - entry.sent.at < self._resend


def _reported_state(alert: Alert) -> tuple[str, bool]:
    return alert.id, alert.state == "resolved"


def _is_old(alert: Alert, now: float) -> bool:
    ended = alert.resolved_at
    return alert.state == "resolved" and ended is not None and now - ended > RESOLVED_RETENTION


def _parts(entries: Sequence[_Entry]) -> Iterator[Sequence[_Entry]]:
    for start in range(0, len(entries), BATCH):
        yield entries[start : start + BATCH]
