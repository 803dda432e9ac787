"""What a receiver of grouped messages is told: at most one message a state change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple

from vitalspan.notify.identity import (
    Identity,
    forget_surplus,
    identity,
    prevailing,
    silenced,
)
from vitalspan.notify.receiver import Outcome
from vitalspan.rules.alert import Alert

REJECTED_SECONDS: Final = 60.0
"""Until a receiver that has refused a message is told the same again."""

_PAUSES: Final[Mapping[Outcome, float | None]] = {
    "sent": None,
    "failed": 0.0,
    "rejected": REJECTED_SECONDS,
}


@dataclass(frozen=True, eq=False)
class Notification:
    """One message: the alerts of one name.

    Attributes:
        alertname: their name.
        alerts: those that fire, told already or not, and those that are now told to be over.
        changed: those of them that are the reason for the message.
        reminder: whether it only repeats what was told before.
        at: when it was made, in Unix seconds.
    """

    alertname: str
    alerts: tuple[Alert, ...]
    changed: tuple[Alert, ...]
    reminder: bool
    at: float

    @property
    def group(self) -> str:
        """What it is about."""
        return self.alertname

    @property
    def status(self) -> Literal["firing", "resolved"]:
        """`firing` as long as any of the alerts fires."""
        return "firing" if any(alert.state == "firing" for alert in self.alerts) else "resolved"


class _Said(NamedTuple):
    """What of an alert makes a difference to a receiver."""

    id: str
    severity: str
    over: bool


@dataclass
class _Entry:
    """An alert that has fired, until its end has been told.

    Attributes:
        alert: as it was seen last.
        said: what the receiver was told last, or may have been.
        said_at: when that was.
        pause: seconds after which the same is told again, since that failed; None where it did not.
        under_way: the latest message about it that is not settled.
        saying: what that one says.
    """

    alert: Alert
    said: _Said | None = None
    said_at: float = 0.0
    pause: float | None = None
    under_way: Notification | None = None
    saying: _Said | None = None


class GroupPlan:
    """Compares what alerts are with what a receiver has been told.

    It looks at states, not at changes, so that a message that is lost on the way is made again
    from what holds then.

    Args:
        reminder: seconds after which an alert that fires on is told again; None for never.
        send_resolved: whether the end of an alert is told.
    """

    def __init__(self, reminder: float | None, *, send_resolved: bool) -> None:
        self._reminder = reminder
        self._send_resolved = send_resolved
        self._entries: dict[Identity, _Entry] = {}

    def observe(self, alerts: Sequence[Alert], now: float) -> int:
        """Take note of all alerts that fire or were resolved; return how many were forgotten."""
        current = prevailing(alerts, identity)
        for key, alert in current.items():
            entry = self._entries.get(key)
            if entry is not None:
                entry.alert = alert
            elif alert.state == "firing" and not silenced(alert, now):
                self._entries[key] = _Entry(alert)
        for key, entry in self._entries.items():
            if key not in current and entry.alert.state == "firing":
                # Its rule was removed, say: nobody else will tell the receiver.
                entry.alert = replace(entry.alert, state="resolved", resolved_at=now)
        return self._forget()

    def due(self, now: float, interval: float) -> list[Notification]:  # noqa: ARG002 - as a Plan
        """Return a message for each name with something new; they count as under way."""
        groups: dict[str, list[_Entry]] = {}
        for entry in self._entries.values():
            if not silenced(entry.alert, now):
                groups.setdefault(entry.alert.alertname, []).append(entry)
        made = []
        for name, entries in groups.items():
            new = [entry for entry in entries if self._is_new(entry, now)]
            again = [] if new else [entry for entry in entries if self._is_late(entry, now)]
            if new or again:
                message = _message(name, entries, new or again, reminder=not new, now=now)
                made.append((any(entry.pause is not None for entry in new), message))
        # What failed before goes last: it must not be the probe each time and keep others waiting.
        return [message for _, message in sorted(made, key=lambda pair: pair[0])]

    def settle(self, message: Notification, outcome: Outcome) -> None:
        """Take note of what became of a message."""
        for alert in message.alerts:
            key = identity(alert)
            entry = self._entries.get(key)
            if entry is None:
                continue
            if entry.under_way is message:
                entry.under_way = None
            if outcome == "untold":
                continue
            entry.said, entry.said_at = _said(alert), message.at
            entry.pause = _PAUSES[outcome]
            known = entry.under_way is None and _said(entry.alert) == entry.said
            if outcome == "sent" and known and entry.said.over:
                del self._entries[key]

    def _is_new(self, entry: _Entry, now: float) -> bool:
        """Whether the receiver does not know, or may not know, how an alert is."""
        if entry.under_way is not None:
            return entry.saying != _said(entry.alert)
        if entry.said != _said(entry.alert):
            return True
        return entry.pause is not None and _passed(entry.pause, entry.said_at, now)

    def _is_late(self, entry: _Entry, now: float) -> bool:
        """Whether it is time to repeat that an alert fires."""
        alert = entry.alert
        if self._reminder is None or entry.under_way or entry.said is None:
            return False
        if entry.pause is not None or alert.state != "firing" or alert.acknowledged:
            return False
        return _passed(self._reminder, entry.said_at, now)

    def _forget(self) -> int:
        entries = self._entries
        if not self._send_resolved:
            for key in [key for key, entry in entries.items() if entry.alert.state == "resolved"]:
                del entries[key]
        return forget_surplus(entries)


def _message(
    name: str, entries: Sequence[_Entry], reasons: Sequence[_Entry], *, reminder: bool, now: float
) -> Notification:
    """Make a message of what fires in a group and of the reasons for it."""
    because = set(map(id, reasons))
    told = [entry for entry in entries if entry.alert.state == "firing" or id(entry) in because]
    message = Notification(
        alertname=name,
        alerts=_in_order(told),
        changed=_in_order(reasons),
        reminder=reminder,
        at=now,
    )
    for entry in told:
        entry.under_way, entry.saying = message, _said(entry.alert)
    return message


def _in_order(entries: Sequence[_Entry]) -> tuple[Alert, ...]:
    alerts = [entry.alert for entry in entries]
    return tuple(sorted(alerts, key=lambda alert: (alert.state, sorted(alert.labels.items()))))


def _said(alert: Alert) -> _Said:
    over = alert.state == "resolved"
    return _Said(alert.id, "" if over else alert.severity, over)


def _passed(seconds: float, since: float, now: float) -> bool:
    # A clock that was set back must not keep anybody from being told.
    return not 0 <= now - since < seconds
