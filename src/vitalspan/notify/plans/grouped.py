"""The plan for receivers of grouped messages, with the timing of Alertmanager."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple

from vitalspan.argument_checks import seconds_above_0
from vitalspan.notify.alert_identity import (
    Identity,
    forget_surplus,
    identity,
    most_relevant_by_key,
    silenced,
)
from vitalspan.notify.receiver import Outcome
from vitalspan.rules.alert import Alert
from vitalspan.rules.silences import Silence

REJECTED_SECONDS: Final = 60.0
"""Seconds until a message that a receiver has rejected is sent again."""

_PAUSES: Final[Mapping[Outcome, float | None]] = {
    "sent": None,
    "failed": 0.0,
    "rejected": REJECTED_SECONDS,
}


@dataclass(frozen=True, eq=False)
class Notification:
    """A message about alerts with the same name.

    Attributes:
        alertname: the name of the alerts.
        alerts: all firing alerts, whether new or not, and newly resolved ones.
        changed: the alerts that are the reason for the message.
        reminder: whether it only repeats an earlier message.
        at: when it was made, in Unix seconds.
    """

    alertname: str
    alerts: tuple[Alert, ...]
    changed: tuple[Alert, ...]
    reminder: bool
    at: float

    @property
    def group(self) -> str:
        """The name of its alerts."""
        return self.alertname

    @property
    def status(self) -> Literal["firing", "resolved"]:
        """`firing` as long as any of the alerts is firing."""
        return "firing" if any(alert.state == "firing" for alert in self.alerts) else "resolved"


class _ReportedState(NamedTuple):
    """The state of an alert in messages: a change of it is a reason for a message."""

    severity: str
    resolved: bool


@dataclass
class _Entry:
    """An alert that has fired, until its end has been sent to the receiver.

    Attributes:
        alert: the alert as it was last seen.
        reported: the last state that the receiver was sent, or may have been sent.
        reported_at: when that was sent.
        pause: seconds after which a failed message is sent again; None if it did not fail.
        under_way: the latest unsettled message about it.
        reporting: the state in that message.
    """

    alert: Alert
    reported: _ReportedState | None = None
    reported_at: float = 0.0
    pause: float | None = None
    under_way: Notification | None = None
    reporting: _ReportedState | None = None


@dataclass(frozen=True)
class GroupTiming:
    """The timing of a group of alerts, as in a route of Alertmanager, in seconds.

    Attributes:
        group_wait: the time from the first alert of a group to its first message, so that alerts
            that start together are sent together, and those that end sooner are not sent at all.
        group_interval: the minimum time between two messages of a group.
        reminder: the time after which alerts that are still firing are sent again; None for never.
    """

    group_wait: float = 30.0
    group_interval: float = 300.0
    reminder: float | None = None


def group_timing(
    what: str, group_wait: float, group_interval: float, reminder: float | None
) -> GroupTiming:
    """Return the timing of groups for a receiver.

    Raises:
        ConfigurationError: for a value that is not a number of seconds; the waits may be 0.
    """
    for name, value in (("group_wait", group_wait), ("group_interval", group_interval)):
        if value != 0 or isinstance(value, bool):
            seconds_above_0(f"{what}: {name}", value)
    if reminder is not None:
        reminder = seconds_above_0(f"{what}: reminder", reminder)
    return GroupTiming(float(group_wait), float(group_interval), reminder)


class GroupPlan:
    """Compares the states of alerts with those that a receiver was sent.

    It compares states rather than changes. So a lost message is made again from the current states,
    and an alert that ends and starts again between two messages is not sent.

    Args:
        timing: the timing of groups.
        send_resolved: whether the end of an alert is sent.
    """

    def __init__(self, timing: GroupTiming, *, send_resolved: bool) -> None:
        self._timing = timing
        self._send_resolved = send_resolved
        self._entries: dict[Identity, _Entry] = {}
        self._notified_at: dict[str, float] = {}
        """When the last message of each group was made, as long as the group has alerts."""

    def observe(
        self,
        alerts: Sequence[Alert],
        now: float,
        silences: Sequence[Silence] = (),  # noqa: ARG002 - alerts say whether they are silenced
    ) -> int:
        """Observe all alerts that fire or were resolved; return how many had to be dropped."""
        current = most_relevant_by_key(alerts, identity)
        for key, alert in current.items():
            entry = self._entries.get(key)
            if entry is not None:
                entry.alert = alert
            elif alert.state == "firing" and not silenced(alert, now):
                self._entries[key] = _Entry(alert)
        for key, entry in self._entries.items():
            if key not in current and entry.alert.state == "firing":
                # For example, its rule was removed: nothing else would end it for the receiver.
                entry.alert = replace(entry.alert, state="resolved", resolved_at=now)
        return self._forget()

    def due(self, now: float, interval: float) -> list[Notification]:
        """Return a message for each group with news; the messages count as being sent."""
        groups: dict[str, list[_Entry]] = {}
        for entry in self._entries.values():
            if not silenced(entry.alert, now):
                groups.setdefault(entry.alert.alertname, []).append(entry)
        messages = []
        for name, entries in groups.items():
            new = [entry for entry in entries if self._is_new(entry, now)]
            if new and not self._has_waited(name, new, now, interval):
                continue
            again = [] if new else [entry for entry in entries if self._is_late(entry, now)]
            if new or again:
                message = _message(name, entries, new or again, reminder=not new, now=now)
                self._notified_at[name] = now
                messages.append((any(entry.pause is not None for entry in new), message))
        # Messages that failed before come last, so that they do not always become the probe.
        return [message for _, message in sorted(messages, key=lambda pair: pair[0])]

    def adopt(self, alerts: Sequence[Alert], now: float, interval: float) -> None:
        """Treat everything that is due as sent, because another process sends it."""
        self.observe(alerts, now)
        for message in self.due(now, interval):
            self.settle(message, "sent")

    def _has_waited(self, name: str, new: Sequence[_Entry], now: float, interval: float) -> bool:
        """Return whether it is time for a message about the news of a group."""
        if interval == math.inf or any(entry.pause is not None for entry in new):
            # There is no later time, or this is another attempt at a failed message.
            return True
        told_at = self._notified_at.get(name)
        if told_at is not None:
            return _passed(self._timing.group_interval, told_at, now)
        began = min(entry.alert.fired_at or now for entry in new)
        return _passed(self._timing.group_wait, began, now)

    def settle(self, message: Notification, outcome: Outcome) -> None:
        """Record the result of a message."""
        for alert in message.alerts:
            key = identity(alert)
            entry = self._entries.get(key)
            if entry is None:
                continue
            if entry.under_way is message:
                entry.under_way = None
            if outcome == "unsent":
                self._notified_at.pop(message.alertname, None)
                continue
            entry.reported, entry.reported_at = _reported_state(alert), message.at
            entry.pause = _PAUSES[outcome]
            is_current = entry.under_way is None and _reported_state(entry.alert) == entry.reported
            if outcome == "sent" and is_current and entry.reported.resolved:
                del self._entries[key]

    def _is_new(self, entry: _Entry, now: float) -> bool:
        """Return whether the receiver lacks, or may lack, the current state of an alert."""
        if entry.under_way is not None:
            return entry.reporting != _reported_state(entry.alert)
        if entry.reported != _reported_state(entry.alert):
            return True
        return entry.pause is not None and _passed(entry.pause, entry.reported_at, now)

    def _is_late(self, entry: _Entry, now: float) -> bool:
        """Return whether a reminder of an alert is due."""
        alert = entry.alert
        reminder = self._timing.reminder
        if reminder is None or entry.under_way or entry.reported is None:
            return False
        if entry.pause is not None or alert.state != "firing" or alert.acknowledged:
            return False
        return _passed(reminder, entry.reported_at, now)

    def _forget(self) -> int:
        entries = self._entries
        for key, entry in list(entries.items()):
            if entry.alert.state == "resolved" and (
                not self._send_resolved or self._was_brief(entry)
            ):
                del entries[key]
        forgotten = forget_surplus(entries)
        groups = {entry.alert.alertname for entry in entries.values()}
        for name in self._notified_at.keys() - groups:
            del self._notified_at[name]
        return forgotten

    def _was_brief(self, entry: _Entry) -> bool:
        """Return whether an alert ended before a message about it would have been sent."""
        alert, timing = entry.alert, self._timing
        if entry.reported is not None or entry.under_way is not None or alert.fired_at is None:
            return False
        was_notified = alert.alertname in self._notified_at
        wait = timing.group_interval if was_notified else timing.group_wait
        return (alert.resolved_at or 0.0) - alert.fired_at < wait


def _message(
    name: str, entries: Sequence[_Entry], reasons: Sequence[_Entry], *, reminder: bool, now: float
) -> Notification:
    """Make a message of the firing alerts in a group and of the reasons for it."""
    reason_ids = set(map(id, reasons))
    included = [
        entry for entry in entries if entry.alert.state == "firing" or id(entry) in reason_ids
    ]
    message = Notification(
        alertname=name,
        alerts=_in_order(included),
        changed=_in_order(reasons),
        reminder=reminder,
        at=now,
    )
    for entry in included:
        entry.under_way, entry.reporting = message, _reported_state(entry.alert)
    return message


def _in_order(entries: Sequence[_Entry]) -> tuple[Alert, ...]:
    alerts = [entry.alert for entry in entries]
    return tuple(sorted(alerts, key=lambda alert: (alert.state, sorted(alert.labels.items()))))


def _reported_state(alert: Alert) -> _ReportedState:
    resolved = alert.state == "resolved"
    return _ReportedState("" if resolved else alert.severity, resolved)


def _passed(pause: float, since: float, now: float) -> bool:
    # A clock that was set back must not prevent notifications.
    return not 0 <= now - since < pause
