"""An overview of one period: all that a monitor says about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from vitalspan.health.recommendations.recommendation import Recommendation
from vitalspan.health.result import Health
from vitalspan.reports.trends import Anomaly, SignalTrend
from vitalspan.rules.alert import Alert
from vitalspan.rules.error_budget import SloStatus
from vitalspan.statistics.call_statistics import CallStatistics
from vitalspan.statistics.timeline import Timeline
from vitalspan.units import Unit


@dataclass(frozen=True)
class Service:
    """The service that is reported on.

    Attributes:
        name: its OpenTelemetry `service.name`; None without one.
        instance: its OpenTelemetry `service.instance.id`, by default host and process id.
        processes: how many processes count together; None for a process by itself.
        started: when counting began, in seconds since the Unix epoch.
        vitalspan: the version of vitalspan.
    """

    name: str | None
    instance: str
    processes: int | None
    started: float
    vitalspan: str


@dataclass(frozen=True)
class Period:
    """The time that figures are about.

    Attributes:
        start: seconds since the Unix epoch.
        end: the same.
        seconds: how long it is.
        wanted: the seconds that were asked for, None for all time since the start. The history may
            be shorter.
        is_past: whether it ended before now was asked for.
    """

    start: float
    end: float
    seconds: float
    wanted: float | None
    is_past: bool


@dataclass(frozen=True)
class AlertOverview:
    """The alerts of a period.

    Attributes:
        firing: how many fire now, by severity.
        pending: how many are pending now.
        active: those that are pending or firing, or were resolved less than 15 minutes ago; empty
            for a period in the past.
        past: those that fired within the period, as they are or were at their end, the latest last.
    """

    firing: Mapping[str, int]
    pending: int
    active: tuple[Alert, ...]
    past: tuple[Alert, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the same as JSON can say it."""
        return {
            "summary": {
                "total": sum(self.firing.values()),
                **self.firing,
                "pending": self.pending,
            },
            "active": [one.to_dict() for one in self.active],
            "past": [one.to_dict() for one in self.past],
        }


@dataclass(frozen=True)
class OperationAnomaly:
    """A stretch of time in which an operation was far from what is usual for it.

    Attributes:
        component: of the operation.
        operation: its name.
        signal: what was unusual: `rate`, `error_ratio` or `latency_p95`.
        unit: of its values.
        anomaly: when, and how far from the usual.
    """

    component: str
    operation: str
    signal: str
    unit: Unit
    anomaly: Anomaly

    def to_dict(self) -> dict[str, Any]:
        """Return the same as JSON can say it."""
        document = {**vars(self), "unit": str(self.unit), **vars(self.anomaly)}
        del document["anomaly"]
        return document


@dataclass(frozen=True)
class Overview:
    """An overview of one period: all that a monitor says about it.

    Attributes:
        generated_at: when it was made, in seconds since the Unix epoch.
        service: that it is about.
        period: that it is about.
        since_start: the figures of all calls since the start.
        calls: the figures of all calls of the period.
        components: those of each component, the one that took most time first.
        operations: those of the operations that took most time, the most first.
        operations_left_out: how many operations are not listed.
        timeline: the figures of all calls over time.
        operation_timelines: those of the first operations that are listed.
        signals: what the signals were like, where they lead, and when they were unusual.
        operation_anomalies: when the first operations that are listed were unusual, in order.
        health: the present health; None for a period in the past.
        recommendations: what could be done now, that which gains most first.
        alerts: of the period.
        slos: how the error budgets stand now.
        notes: what the reader has to know, such as what is missing and why.
    """

    generated_at: float
    service: Service
    period: Period
    since_start: CallStatistics
    calls: CallStatistics
    components: tuple[CallStatistics, ...]
    operations: tuple[CallStatistics, ...]
    operations_left_out: int
    timeline: Timeline
    operation_timelines: tuple[Timeline, ...]
    signals: tuple[SignalTrend, ...]
    operation_anomalies: tuple[OperationAnomaly, ...]
    health: Health | None
    recommendations: tuple[Recommendation, ...]
    alerts: AlertOverview
    slos: tuple[SloStatus, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the same in types that JSON has, apart from numbers such as infinity."""
        return {
            "generated_at": self.generated_at,
            "service": asdict(self.service),
            "period": asdict(self.period),
            "health": None if self.health is None else self.health.to_dict(),
            "recommendations": [asdict(one) for one in self.recommendations],
            "alerts": self.alerts.to_dict(),
            "slos": [{**asdict(one), "complete": one.complete} for one in self.slos],
            "since_start": self.since_start.to_dict(),
            "calls": self.calls.to_dict(),
            "components": [one.to_dict() for one in self.components],
            "operations": [one.to_dict() for one in self.operations],
            "operations_left_out": self.operations_left_out,
            "timeline": self.timeline.to_dict(),
            "operation_timelines": [one.to_dict() for one in self.operation_timelines],
            "signals": [one.to_dict() for one in self.signals],
            "operation_anomalies": [one.to_dict() for one in self.operation_anomalies],
            "notes": list(self.notes),
        }
