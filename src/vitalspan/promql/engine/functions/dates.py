"""Date functions: the time of samples, and parts of the date of a time, in UTC."""

from __future__ import annotations

import calendar
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from vitalspan.promql.engine.evaluation_context import EvaluationContext
from vitalspan.promql.engine.plan import InstantSelector, NameDropping, Vector, VectorNode


@dataclass(eq=False)
class Timestamp(VectorNode):
    """The time of each element's sample, in seconds since the epoch.

    For a selector this is the time of the samples; for other expressions, that of the step.

    Attributes:
        vector: the elements.
        names: drops metric names.
    """

    vector: VectorNode
    names: NameDropping

    def evaluate(self, context: EvaluationContext) -> Vector:
        vector, drop = self.vector, self.names.drop
        if isinstance(vector, InstantSelector):
            times = vector.times(context)
        else:
            now = context.now / 1000
            times = [(labels, now) for labels, _ in vector.evaluate(context)]
        return self.names.check([(drop(labels), time) for labels, time in times])


def _of_time(part: Callable[[datetime], int]) -> Callable[[float], float]:
    """Return a function for a part of the date of a time in seconds since the epoch."""

    def apply(seconds: float) -> float:
        try:
            return float(part(datetime.fromtimestamp(math.trunc(seconds), UTC)))
        except (ValueError, OverflowError, OSError):
            # Python's calendar does not have this year.
            return math.nan

    return apply


def _weekday(date: datetime) -> int:
    """Return the day of the week; Sunday is 0."""
    return date.isoweekday() % 7


def _days(date: datetime) -> int:
    return calendar.monthrange(date.year, date.month)[1]


def _day_of_year(date: datetime) -> int:
    return date.timetuple().tm_yday


DATE_PARTS: Final[dict[str, Callable[[float], float]]] = {
    "day_of_month": _of_time(lambda date: date.day),
    "day_of_week": _of_time(_weekday),
    "day_of_year": _of_time(_day_of_year),
    "days_in_month": _of_time(_days),
    "hour": _of_time(lambda date: date.hour),
    "minute": _of_time(lambda date: date.minute),
    "month": _of_time(lambda date: date.month),
    "year": _of_time(lambda date: date.year),
}
