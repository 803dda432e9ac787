"""Marks on the time axis: alerts that began and ended, starts, deploys, and marked moments."""

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
        at: when, in seconds since the Unix epoch.
        kind: what: an alert fired or was resolved, the service had its first start, a restart or
            a deploy of another version, or the program has marked the moment.
        text: in words.
        severity: of the alert; empty for what is none.
    """

    at: float
    kind: Literal["fired", "resolved", "start", "restart", "deploy", "mark"]
    text: str
    severity: str = ""


def marks_of(monitor: Monitor, axis: Axis | None, operation: str | None = None) -> tuple[Mark, ...]:
    """Return what happened in the time of an axis, the latest last.

    Args:
        monitor: whose alerts and starts these are.
        axis: the times; None has no marks.
        operation: only alerts about this operation or about none; None takes all.
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
