"""Marks on the time axis: alerts that fired and ended, starts, deploys, and marked moments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from vitalspan.monitor import Monitor
    from vitalspan.page.charts import Axis

_MOST: Final = 50


@dataclass(frozen=True)
class Mark:
    """Something that happened at one time.

    Attributes:
        at: the time in seconds since the Unix epoch.
        kind: an alert fired or was resolved, the service had its first start, a restart or a deploy
            of another version, or the program has marked the moment.
        text: a description.
        severity: the severity of the alert; empty for other marks.
    """

    at: float
    kind: Literal["fired", "resolved", "start", "restart", "deploy", "mark"]
    text: str
    severity: str = ""


def marks_of(monitor: Monitor, axis: Axis | None, operation: str | None = None) -> tuple[Mark, ...]:
    """Return what happened in the time of an axis, the latest last.

    Args:
        monitor: the monitor with the alerts and starts.
        axis: the axis; None has no marks.
        operation: only include alerts about this operation or about none; None includes all.
    """
    if axis is None:
        return ()
    marks: dict[tuple[str, str], Mark] = {}
    for alert in monitor.alerts.history():
        if operation is not None and alert.operation not in (None, operation):
            continue
        if alert.fired_at is not None:
            text = f"{alert.alertname} fires: {alert.message}"
            # As it was then: an alert is in the history once for each change.
            marks.setdefault(
                (alert.id, "fired"), Mark(alert.fired_at, "fired", text, alert.severity)
            )
        if alert.resolved_at is not None:
            text = f"{alert.alertname} has ended"
            marks[alert.id, "resolved"] = Mark(alert.resolved_at, "resolved", text, alert.severity)
    first, last = axis.times[0] - axis.step, axis.times[-1]
    every = [one for one in marks.values() if one.at >= first]
    every += [Mark(*happening) for happening in monitor.marks.between(first, last)]
    return tuple(sorted(every, key=lambda one: one.at)[-_MOST:])
