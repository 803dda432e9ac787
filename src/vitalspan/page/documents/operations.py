"""The documents of operations: of all of them, and of one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from vitalspan.page.charts import Axis, Durations, Points
from vitalspan.page.documents.marks import Mark, marks_of
from vitalspan.page.documents.profiles import ProfileSummary, summaries
from vitalspan.page.documents.promql import (
    OperationPromql,
    Queries,
    promql_of_figures,
    promql_of_operation,
)
from vitalspan.page.figures import (
    NO_HISTORY,
    figures_of_one,
    figures_of_operations,
    reading_charts,
)
from vitalspan.recording.call_record import CallRecord
from vitalspan.statistics.call_statistics import CallStatistics, RunningCall

if TYPE_CHECKING:
    from vitalspan.monitor import Monitor

MOST_OPERATIONS: Final = 1000
"""The maximum number of operations in one document."""

MOST_CALLS: Final = 100
"""The maximum number of calls of each kind in one document."""

Sort = Callable[[CallStatistics], float]

SORTS: Final[dict[str, Sort]] = {
    "total": lambda one: -one.total,
    "count": lambda one: -one.count,
    "p95": lambda one: -(one.p95 or 0.0),
    "errors": lambda one: -one.errors,
    "error_rate": lambda one: -(one.error_rate or 0.0),
    "in_progress": lambda one: -one.in_progress,
}
"""The values by which operations can be sorted, the greatest first."""


@dataclass(frozen=True)
class OperationRow:
    """An operation with its figures and a small chart.

    Attributes:
        figures: the figures of the calls that ended in the range.
        points: its chart; None without history.
    """

    figures: CallStatistics
    points: Points | None


@dataclass(frozen=True)
class Operations:
    """The operations of the service.

    Attributes:
        at: when this was created, in seconds since the Unix epoch.
        axis: the times of the points; None without history.
        operations: the operations in the requested order.
        total: the number of all operations, including those that are left out.
        promql: the figures of an operation in PromQL, by name, with `$operation` and `$component`
            for its names.
        notice: a note on the figures; None if there is none.
    """

    at: float
    axis: Axis | None
    operations: tuple[OperationRow, ...]
    total: int
    promql: Queries
    notice: str | None


@dataclass(frozen=True)
class OperationDetail:
    """An operation with everything that is known about it.

    Attributes:
        at: when this was created, in seconds since the Unix epoch.
        figures: the figures of the calls that ended in the range.
        axis: the times of the points; None without history.
        points: its chart; None without history.
        durations: the number of calls by duration on the axis; None without history.
        running: the running calls of the process that has responded, the oldest first.
        recent: the calls that ended last, the latest first.
        slow: the calls over their `slow=` limit, the latest first.
        profiles: the stored profiles of slow calls, the latest first.
        marks: what happened on the axis.
        trace_url: the URL of a trace, with `{trace_id}` in the place of its id; empty without one.
        promql: the charts in PromQL.
        figures_promql: the figures in PromQL, by name; measures are named `measure:NAME`.
        notice: a note on the figures; None if there is none.
    """

    at: float
    figures: CallStatistics
    axis: Axis | None
    points: Points | None
    durations: Durations | None
    running: tuple[RunningCall, ...]
    recent: tuple[CallRecord, ...]
    slow: tuple[CallRecord, ...]
    profiles: tuple[ProfileSummary, ...]
    marks: tuple[Mark, ...]
    trace_url: str
    promql: OperationPromql
    figures_promql: Queries
    notice: str | None


def operations(monitor: Monitor, asked: dict[str, Any]) -> Operations:
    """Return the figures of all operations, with a small chart of each."""
    found, notice = figures_of_operations(monitor, asked["range"], asked["component"])
    wanted = (asked["search"] or "").casefold()
    found = [one for one in found if wanted in f"{one.component} {one.operation}".casefold()]
    found.sort(key=SORTS[asked["sort"]])
    shown = found[: asked["limit"]]
    axis, rows = rows_of(monitor, shown, asked["range"])
    promql = promql_of_figures(monitor, asked["range"])
    return Operations(monitor.clock.wall(), axis, rows, len(found), promql, notice)


def rows_of(
    monitor: Monitor, figures: Iterable[CallStatistics], seconds: float
) -> tuple[Axis | None, tuple[OperationRow, ...]]:
    """Return the axis, and the rows of operations with their charts."""
    figures = list(figures)
    keys = [key_of(one) for one in figures]
    with reading_charts(monitor, seconds) as charts:
        points = {} if charts is None else charts.operations(keys)
        axis = None if charts is None else charts.axis
    rows = (OperationRow(one, points.get(key)) for one, key in zip(figures, keys, strict=True))
    return axis, tuple(rows)


def key_of(figures: CallStatistics) -> tuple[str, str]:
    """Return the component and the operation of some figures."""
    return figures.component or "", figures.operation or ""


def operation(monitor: Monitor, asked: dict[str, Any]) -> OperationDetail:
    """Return everything that is known about one operation."""
    name, component, seconds = asked["operation"], asked["component"], asked["range"]
    statistics = monitor.statistics
    with reading_charts(monitor, seconds, asked["step"]) as charts:
        axis = None if charts is None else charts.axis
        points = None if charts is None else charts.selected(component, name)
        durations = None if charts is None else charts.durations(component, name)
    recent = statistics.recent_calls(name, component=component)
    slow = statistics.slow_calls(name, component=component)
    running = [
        one
        for one in statistics.running()
        if one.operation == name and component in (None, one.component)
    ]
    figures = figures_of_one(monitor, name, component, seconds)
    return OperationDetail(
        at=monitor.clock.wall(),
        figures=figures,
        axis=axis,
        points=points,
        durations=durations,
        running=tuple(running[:MOST_CALLS]),
        recent=tuple(recent[: -MOST_CALLS - 1 : -1]),
        slow=tuple(slow[: -MOST_CALLS - 1 : -1]),
        profiles=summaries(monitor, name, component),
        marks=marks_of(monitor, axis, operation=name),
        trace_url=monitor.settings.trace_url,
        promql=promql_of_operation(monitor, name, component),
        figures_promql=promql_of_figures(
            monitor, seconds, name, component, tuple(figures.measures)
        ),
        notice=None if axis is not None else NO_HISTORY,
    )
