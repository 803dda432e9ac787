"""The document of the first screen."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from vitalspan.health.result import FactorHealth, Health, Trend
from vitalspan.page.charts import Axis, Number, Points
from vitalspan.page.documents.marks import Mark, marks_of
from vitalspan.page.documents.operations import OperationRow, key_of
from vitalspan.page.documents.promql import (
    OperationPromql,
    Queries,
    promql_of_alerts,
    promql_of_figures,
    promql_of_health,
    promql_of_operation,
)
from vitalspan.page.documents.status import Status, status
from vitalspan.page.earlier_charts import EarlierCharts
from vitalspan.page.figures import (
    Charts,
    figures_of_all_and_each,
    reading_charts,
)
from vitalspan.rules.alert import Alert
from vitalspan.statistics.call_statistics import CallStatistics, RunningCall

if TYPE_CHECKING:
    from vitalspan.monitor import Monitor

MOST_LISTED: Final = 5
"""The number of operations in each of the three lists."""

MOST_RUNNING: Final = 20
"""The maximum number of running calls to show, the oldest ones."""

MOST_ALERTS: Final = 100
"""The maximum number of active alerts to show, the most severe ones."""

MOST_COMPONENTS: Final = 300

_SEVERITIES: Final = {"critical": 0, "error": 1, "warning": 2, "info": 3}
_STATES: Final = {"firing": 0, "pending": 1, "resolved": 2}


@dataclass(frozen=True)
class ComponentLight:
    """A component as a light in the graph of dependencies.

    Attributes:
        component: the name of the component.
        score: its own score, from 0 to 100; None if it is unknown.
        effective_score: the lowest of its own score and those of all its dependencies.
        status: the level of its effective score.
        limited_by: the component whose score is its effective score.
        critical: whether its effective score limits the score of the whole.
        depends_on: its direct dependencies.
        reason: a description of what costs it most points; None if nothing does.
    """

    component: str
    score: float | None
    effective_score: float | None
    status: str
    limited_by: str | None
    critical: bool
    depends_on: tuple[str, ...]
    reason: str | None


@dataclass(frozen=True)
class HealthSummary:
    """The health score and what it is made of.

    Attributes:
        score: from 0 to 100; None if it is unknown.
        status: the level of the score.
        model: the name of the model.
        at: the time of its tick, in seconds since the Unix epoch; None before the first tick.
        reasons: descriptions of what costs points, the most costly first.
        factors: those that cost points, the most costly first.
        trend: the latest scores, and their trend.
        components: the components, sorted by name.
    """

    score: float | None
    status: str
    model: str
    at: float | None
    reasons: tuple[str, ...]
    factors: tuple[FactorHealth, ...]
    trend: Trend
    components: tuple[ComponentLight, ...]


@dataclass(frozen=True)
class Overview:
    """Everything on the first screen.

    Attributes:
        status: the status of the service.
        health: the score and its reasons.
        alerts: the active alerts, the most severe first.
        total: the figures of all calls that ended in the range.
        axis: the times of all points; None without history.
        points: the chart of all calls; None without history.
        scores: the health score at the same times; None without history.
        operations: the operations in the three lists.
        busiest: the indexes in `operations` of those with most calls.
        slowest: those with the highest 95th percentile.
        failing: those with the highest ratio of errors.
        operation_count: the number of all operations.
        running: the oldest running calls of the process that has responded.
        running_count: the number of running calls in the whole service.
        marks: what happened on the axis.
        promql: the figures of all calls in PromQL.
        total_promql: the figures in `total` in PromQL, by name.
        row_promql: the figures of one of the operations in PromQL, with `$operation` and
            `$component` for its names.
        health_promql: the score, those of components, and what a factor `$factor` costs, in PromQL.
        alert_promql: how many alerts are `firing` and how many are `pending`.
        notice: a note on the figures; None if there is none.
    """

    status: Status
    health: HealthSummary
    alerts: tuple[Alert, ...]
    total: CallStatistics
    axis: Axis | None
    points: Points | None
    scores: tuple[Number, ...] | None
    operations: tuple[OperationRow, ...]
    busiest: tuple[int, ...]
    slowest: tuple[int, ...]
    failing: tuple[int, ...]
    operation_count: int
    running: tuple[RunningCall, ...]
    running_count: int
    marks: tuple[Mark, ...]
    promql: OperationPromql
    total_promql: Queries
    row_promql: Queries
    health_promql: Queries
    alert_promql: Queries
    notice: str | None


def overview(monitor: Monitor, asked: dict[str, Any]) -> Overview:
    """Return everything on the first screen."""
    seconds = asked["range"]
    total, every, notice = figures_of_all_and_each(monitor, seconds)
    lists = [
        _greatest(every, lambda one: one.count),
        _greatest(every, lambda one: one.p95 or 0.0),
        _greatest(every, lambda one: one.error_rate or 0.0),
    ]
    places: dict[tuple[str, str], int] = {}
    for one in (figures for each in lists for figures in each):
        places.setdefault(key_of(one), len(places))
    by_key = {key_of(one): one for each in lists for one in each}
    busiest, slowest, failing = (tuple(places[key_of(one)] for one in each) for each in lists)
    with reading_charts(monitor, seconds) as charts:
        axis = None if charts is None else charts.axis
        points = None if charts is None else charts.every()
        scores = None if charts is None else charts.signal("health_score")
        rows = _rows(by_key, places, charts)
    running = monitor.statistics.running()
    return Overview(
        status=status(monitor),
        health=summary_of(monitor.health()),
        alerts=active_alerts(monitor)[:MOST_ALERTS],
        total=total,
        axis=axis,
        points=points,
        scores=scores,
        operations=rows,
        busiest=busiest,
        slowest=slowest,
        failing=failing,
        operation_count=len(every),
        running=tuple(running[:MOST_RUNNING]),
        # The number and the list of running calls were not read at the same moment.
        running_count=len(running) if monitor.workers is None else total.in_progress,
        marks=marks_of(monitor, axis),
        promql=promql_of_operation(monitor),
        total_promql=promql_of_figures(monitor, seconds, None, None),
        row_promql=promql_of_figures(monitor, seconds),
        health_promql=promql_of_health(monitor),
        alert_promql=promql_of_alerts(monitor),
        notice=notice,
    )


def active_alerts(monitor: Monitor) -> tuple[Alert, ...]:
    """Return the active alerts: firing ones first, and among these the most severe first."""

    def rank(alert: Alert) -> tuple[int, int, float]:
        state, severity = _STATES.get(alert.state, 3), _SEVERITIES.get(alert.severity, 4)
        return state, severity, -(alert.fired_at or alert.active_at)

    return tuple(sorted(monitor.alerts.active(), key=rank))


def summary_of(health: Health) -> HealthSummary:
    """Return a summary of the service's health."""
    costly = sorted((one for one in health.factors if one.points_lost > 0), key=_by_cost)
    return HealthSummary(
        score=health.score,
        status=health.status,
        model=health.model,
        at=health.at,
        reasons=health.reasons,
        factors=tuple(costly),
        trend=health.trend,
        components=tuple(
            ComponentLight(
                component=one.component,
                score=one.score,
                effective_score=one.effective_score,
                status=one.status,
                limited_by=one.limited_by,
                critical=one.critical,
                depends_on=one.depends_on,
                reason=_worst(one.factors),
            )
            for one in health.components[:MOST_COMPONENTS]
        ),
    )


def _by_cost(factor: FactorHealth) -> float:
    return -factor.points_lost


def _worst(factors: Iterable[FactorHealth]) -> str | None:
    worst = max(factors, key=lambda one: one.points_lost, default=None)
    return worst.reason if worst is not None and worst.points_lost >= 1.0 else None


def _greatest(
    every: Iterable[CallStatistics], measure: Callable[[CallStatistics], float]
) -> list[CallStatistics]:
    above_zero = [one for one in every if measure(one) > 0]
    return sorted(above_zero, key=measure, reverse=True)[:MOST_LISTED]


def _rows(
    figures: dict[tuple[str, str], CallStatistics],
    places: dict[tuple[str, str], int],
    charts: Charts | EarlierCharts | None,
) -> tuple[OperationRow, ...]:
    points = {} if charts is None else charts.operations(places)
    return tuple(OperationRow(figures[key], points.get(key)) for key in places)
