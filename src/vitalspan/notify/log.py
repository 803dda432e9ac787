"""Telling the log."""

from __future__ import annotations

import logging
from typing import ClassVar, Final

from vitalspan.notify.grouping import GroupPlan, Notification
from vitalspan.notify.receiver import Outlet
from vitalspan.notify.target import seconds
from vitalspan.rules.alert import Alert

_LEVELS: Final = {
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}
_MAX_SAID: Final = 10
_MAX_LENGTH: Final = 500


class Log:
    """A logger that gets a line for each change of a group of alerts.

    The level is that of the worst alert that fires, INFO for the end of alerts.

    Args:
        logger: None takes `vitalspan.alerts`.
        reminder: seconds after which alerts that fire on are told again; None for never.
        send_resolved: whether the end of alerts is told.
        name: by which it is known in metrics.

    Raises:
        ConfigurationError: for what cannot be.
    """

    def __init__(
        self,
        logger: logging.Logger | None = None,
        *,
        reminder: float | None = None,
        send_resolved: bool = True,
        name: str = "log",
    ) -> None:
        self.name = name
        self.logger = logging.getLogger("vitalspan.alerts") if logger is None else logger
        self.reminder = None if reminder is None else seconds("Log", "reminder", reminder)
        self.send_resolved = send_resolved

    def outlets(self) -> list[LogOutlet]:
        """Return an outlet."""
        return [LogOutlet(self)]

    def __repr__(self) -> str:
        return f"Log({self.logger.name})"


class LogOutlet(Outlet[Notification]):
    """A logger that is written to."""

    retried: ClassVar[bool] = False

    def __init__(self, log: Log) -> None:
        self.timeout = 10.0
        self._log = log

    def plan(self) -> GroupPlan:
        """Return a new plan: nothing has been told."""
        return GroupPlan(self._log.reminder, send_resolved=self._log.send_resolved)

    def deliver(self, message: Notification, receiver: str) -> None:  # noqa: ARG002
        """Write a line."""
        firing = [alert for alert in message.changed if alert.state == "firing"]
        level = max((_LEVELS.get(alert.severity, logging.ERROR) for alert in firing), default=None)
        self._log.logger.log(logging.INFO if level is None else level, "%s", line(message))


def line(message: Notification) -> str:
    """Return a message in one line."""
    begin = "still: " if message.reminder else ""
    told = [_told(alert) for alert in message.changed[:_MAX_SAID]]
    more = len(message.changed) - len(told)
    if more:
        told.append(f"and {more} more")
    return f"{message.alertname}: {begin}{'; '.join(told)}"


def _told(alert: Alert) -> str:
    state = "resolved" if alert.state == "resolved" else f"firing ({alert.severity})"
    said = f"{state} {alert.message}" if alert.message else state
    # Labels come from anywhere: they must not begin a line of their own.
    return "".join(one if one.isprintable() else " " for one in said[:_MAX_LENGTH])
