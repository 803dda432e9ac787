"""Marks on the time axis: alerts that began and ended, and the start of the process."""

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
        kind: what: an alert began to fire, an alert ended, or the process started.
        text: in words.
        severity: of the alert; empty for a start.
    """

    at: float
    kind: Literal["fired", "resolved", "start"]
    text: str
    severity: str = ""


def marks_of(monitor: Monitor, axis: Axis | None, operation: str | None = None) -> tuple[Mark, ...]:
    """Return what happened in the time of an axis, the latest last.

    Args:
        monitor: whose alerts and start these are.
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
            marks[alert.id, "fired"] = Mark(alert.fired_at, "fired", text, alert.severity)
        if alert.resolved_at is not None:
            text = f"{alert.alertname} has ended"
            marks[alert.id, "resolved"] = Mark(alert.resolved_at, "resolved", text, alert.severity)
    begin = monitor.evaluation.counts.born + monitor.evaluation.counts.epoch()
    every = [*marks.values(), Mark(begin, "start", "The process started")]
    first = axis.times[0] - axis.step
    return tuple(sorted((one for one in every if one.at >= first), key=lambda one: one.at)[-_MOST:])
