"""A receiver that writes alerts to the log."""

from __future__ import annotations

import logging
from typing import ClassVar, Final

from vitalspan.notify.plans.grouped import GroupPlan, Notification, group_timing
from vitalspan.notify.receiver import Endpoint
from vitalspan.rules.alert import Alert

_LEVELS: Final = {
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}
_MAX_ALERTS: Final = 10
_MAX_LENGTH: Final = 500


class Log:
    """A receiver that logs a line for each message about a group of alerts.

    The level is that of the worst firing alert, or INFO when alerts have ended.

    Args:
        logger: the logger; None is `vitalspan.alerts`.
        group_wait: seconds from the first alert of a group to its first message.
        group_interval: the minimum number of seconds between two messages of a group.
        reminder: seconds after which alerts that are still firing are sent again; None for never.
        send_resolved: whether the end of alerts is sent.
        name: its name in metrics.

    Raises:
        ConfigurationError: for an invalid argument.
    """

    def __init__(
        self,
        logger: logging.Logger | None = None,
        *,
        group_wait: float = 30.0,
        group_interval: float = 300.0,
        reminder: float | None = None,
        send_resolved: bool = True,
        name: str = "log",
    ) -> None:
        self.name = name
        self.logger = logging.getLogger("vitalspan.alerts") if logger is None else logger
        self.timing = group_timing("Log", group_wait, group_interval, reminder)
        self.send_resolved = send_resolved

    def endpoints(self) -> list[LogEndpoint]:
        """Return its endpoint."""
        return [LogEndpoint(self)]

    def __repr__(self) -> str:
        return f"Log({self.logger.name})"


class LogEndpoint(Endpoint[Notification]):
    """The logger to write to."""

    retried: ClassVar[bool] = False

    def __init__(self, log: Log) -> None:
        self.timeout = 10.0
        self._log = log

    def plan(self) -> GroupPlan:
        """Return a new plan, for a receiver that was sent nothing yet."""
        return GroupPlan(self._log.timing, send_resolved=self._log.send_resolved)

    def deliver(self, message: Notification, receiver: str) -> None:  # noqa: ARG002
        """Write a line."""
        firing = [alert for alert in message.changed if alert.state == "firing"]
        level = max((_LEVELS.get(alert.severity, logging.ERROR) for alert in firing), default=None)
        self._log.logger.log(logging.INFO if level is None else level, "%s", line(message))


def line(message: Notification) -> str:
    """Return a message as one line."""
    begin = "still: " if message.reminder else ""
    texts = [_text(alert) for alert in message.changed[:_MAX_ALERTS]]
    more = len(message.changed) - len(texts)
    if more:
        texts.append(f"and {more} more")
    return f"{message.alertname}: {begin}{'; '.join(texts)}"


def _text(alert: Alert) -> str:
    state = "resolved" if alert.state == "resolved" else f"firing ({alert.severity})"
    text = f"{state} {alert.message}" if alert.message else state
    # Labels may come from anywhere, and must not start a line of their own.
    return "".join(one if one.isprintable() else " " for one in text[:_MAX_LENGTH])
