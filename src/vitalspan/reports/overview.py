"""An overview of one period: everything that a monitor knows about it."""

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
    """The service of a report.

    Attributes:
        name: its OpenTelemetry `service.name`; None without one.
        instance: its OpenTelemetry `service.instance.id`; by default its host and process id.
        processes: the number of processes that share their counts; None for a single process.
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
    """The period of figures.

    Attributes:
        start: the start in seconds since the Unix epoch.
        end: the end in seconds since the Unix epoch.
        seconds: the length of the period.
        wanted: the requested seconds; None for the whole time since the start. The history may be
            shorter.
        is_past: whether it ended before the time of the request.
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
        firing: the number of firing alerts by severity.
        pending: the number of pending alerts.
        active: the alerts that are pending, firing, or were resolved less than 15 minutes ago;
            empty for a period in the past.
        past: the alerts that fired within the period, in their latest or final states, the latest
            last.
    """

    firing: Mapping[str, int]
    pending: int
    active: tuple[Alert, ...]
    past: tuple[Alert, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the fields in types that JSON has."""
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
    """A period in which an operation was far from its usual values.

    Attributes:
        component: the component of the operation.
        operation: the name of the operation.
        signal: the unusual signal: `rate`, `error_ratio` or `latency_p95`.
        unit: the unit of its values.
        anomaly: when it was unusual, and by how much.
    """

    component: str
    operation: str
    signal: str
    unit: Unit
    anomaly: Anomaly

    def to_dict(self) -> dict[str, Any]:
        """Return the fields in types that JSON has."""
        document = {**vars(self), "unit": str(self.unit), **vars(self.anomaly)}
        del document["anomaly"]
        return document


@dataclass(frozen=True)
class Overview:
    """An overview of one period: everything that a monitor knows about it.

    Attributes:
        generated_at: when it was made, in seconds since the Unix epoch.
        service: the service.
        period: the period.
        since_start: the figures of all calls since the start.
        calls: the figures of all calls in the period.
        components: those of each component, ordered by time, the most first.
        operations: those of the operations that took most time, the most first.
        operations_left_out: the number of operations that are not listed.
        timeline: the figures of all calls over time.
        operation_timelines: those of the first listed operations.
        signals: the values, trends and anomalies of signals.
        operation_anomalies: when the first listed operations were unusual, in order.
        health: the current health; None for a period in the past.
        recommendations: the current recommendations, those that gain most first.
        alerts: the alerts of the period.
        slos: the current status of the error budgets.
        notes: notes for the reader, such as what is missing and why.
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
        """Return the fields in types that JSON has, except for numbers such as infinity."""
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
