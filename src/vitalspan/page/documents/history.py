"""The document of a chart: all calls, or those of a component or an operation, over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vitalspan.page.charts import Axis, Points
from vitalspan.page.documents.marks import Mark, marks_of
from vitalspan.page.figures import NO_HISTORY, reading_charts

if TYPE_CHECKING:
    from vitalspan.monitor import Monitor


@dataclass(frozen=True)
class History:
    """All calls, or those of a component or an operation, over time.

    Attributes:
        axis: the times; None without history.
        points: a value for each time; None without history.
        marks: what happened on the axis.
        notice: a note for the reader; None if there is none.
    """

    axis: Axis | None
    points: Points | None
    marks: tuple[Mark, ...]
    notice: str | None


def history(monitor: Monitor, asked: dict[str, Any]) -> History:
    """Return a chart."""
    operation, component = asked["operation"], asked["component"]
    with reading_charts(monitor, asked["range"], asked["step"]) as charts:
        axis = None if charts is None else charts.axis
        points = None if charts is None else charts.selected(component, operation)
    marks = marks_of(monitor, axis, operation)
    return History(axis, points, marks, None if axis is not None else NO_HISTORY)
