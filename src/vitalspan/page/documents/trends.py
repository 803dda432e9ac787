"""The document of trends: where signals lead, and when they were unusual."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from vitalspan.metrics import HEALTH_SCORE
from vitalspan.page.charts import Axis, Number
from vitalspan.page.documents.marks import Mark, marks_of
from vitalspan.page.documents.promql import (
    Queries,
    promql_of_health,
    promql_of_resources,
    promql_of_trends,
)
from vitalspan.page.figures import NO_HISTORY, first_called
from vitalspan.reports.signal_trends import call_trends, followed_trends, operation_anomalies
from vitalspan.reports.trends import Anomaly, SignalTrend

if TYPE_CHECKING:
    from vitalspan.monitor import Monitor
    from vitalspan.statistics.periods import Key

_OPERATIONS: Final = 20
"""The number of operations, those that took most time."""


@dataclass(frozen=True)
class TrendRow:
    """The trend of a signal.

    Attributes:
        signal: its name, as in rules.
        summary: a description of it.
        unit: the base unit of its values: seconds, ratio, bytes or number, with `/s` for a rate.
        values: the values at the times of the axis; None for no data.
        shortfall: why there is no trend yet: how many values there are over which time, and how
            many are needed; None if there is a trend.
        slope: its increase per hour, by least squares; None without a trend.
        direction: rising, falling or steady; None without a trend.
        forecast: the value on the same line after `forecast_seconds`.
        forecast_seconds: how far the forecast looks ahead.
        limit: the value at which nothing is left; None without one.
        limit_in: seconds until the same line reaches it; None if the value does not rise.
        anomalies: when it was unusual, in order.
    """

    signal: str
    summary: str
    unit: str
    values: tuple[Number, ...]
    shortfall: str | None
    slope: float | None
    direction: str | None
    forecast: float | None
    forecast_seconds: float | None
    limit: float | None
    limit_in: float | None
    anomalies: tuple[Anomaly, ...]


@dataclass(frozen=True)
class AnomalyRow:
    """A stretch of time in which an operation was unusual.

    Attributes:
        component: the component of the operation.
        operation: the name of the operation.
        signal: the unusual signal.
        unit: the unit of its values.
        anomaly: when it was unusual, and by how much.
    """

    component: str
    operation: str
    signal: str
    unit: str
    anomaly: Anomaly


@dataclass(frozen=True)
class Trends:
    """The trends of the service.

    Attributes:
        at: when this was created, in seconds since the Unix epoch.
        axis: the times of the values; None without history.
        signals: the signals of calls, of the score and of the machine.
        operations: when the operations that took most time were unusual, in order.
        marks: what happened on the axis.
        promql: the signals in PromQL, by name.
        row_promql: the signals of one of the operations in PromQL, with `$operation` and
            `$component` for its names.
        notice: a note for the reader; None if there is none.
    """

    at: float
    axis: Axis | None
    signals: tuple[TrendRow, ...]
    operations: tuple[AnomalyRow, ...]
    marks: tuple[Mark, ...]
    promql: Queries
    row_promql: Queries
    notice: str | None


def trends(monitor: Monitor, asked: dict[str, Any]) -> Trends:
    """Return where signals lead, and when they were unusual."""
    at, seconds, evaluation = monitor.clock.wall(), asked["range"], monitor.evaluation
    promql = {
        **promql_of_trends(monitor),
        **promql_of_resources(monitor),
        HEALTH_SCORE.name: promql_of_health(monitor)["score"],
    }
    row_promql = promql_of_trends(monitor, component="$component", operation="$operation")
    with evaluation.reading_any_history() as history:
        if history is None:
            return Trends(at, None, (), (), (), promql, row_promql, NO_HISTORY)
        statistics = monitor.statistics.within(history)
        listed = statistics.operations(window=seconds)[:_OPERATIONS]
        keys: list[Key] = [(one.component, one.operation) for one in listed]
        every = statistics.timelines([(None, None), *keys], window=seconds)
        # Before the first call the service may not have existed.
        first = first_called(every[0].slots)
        timeline, *timelines = [replace(one, slots=one.slots[first:]) for one in every]
        epoch, slots = history.counts.epoch(), timeline.slots
        earlier = statistics.earlier_history
        followed = followed_trends(evaluation.signal_history, timeline, epoch, earlier)
        signals = [_row(one) for one in (*call_trends(timeline), *followed)]
    axis = None
    if slots:
        step = max(slot.end - slot.start for slot in slots)
        axis = Axis(step, tuple(slot.end for slot in slots))
    anomalies = [
        AnomalyRow(one.component, one.operation, one.signal, str(one.unit), one.anomaly)
        for one in operation_anomalies(timelines)
    ]
    marks = marks_of(monitor, axis)
    notice = None if axis else NO_HISTORY
    return Trends(at, axis, tuple(signals), tuple(anomalies), marks, promql, row_promql, notice)


def _row(one: SignalTrend) -> TrendRow:
    return TrendRow(
        signal=one.signal,
        summary=one.summary,
        unit=str(one.unit),
        values=one.values,
        shortfall=one.shortfall,
        slope=one.slope,
        direction=one.direction,
        forecast=one.forecast,
        forecast_seconds=one.forecast_seconds,
        limit=one.limit,
        limit_in=one.limit_in,
        anomalies=one.anomalies,
    )
