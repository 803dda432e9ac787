"""Functions of dates: what a time in seconds since the epoch is in the calendar, in UTC."""

from __future__ import annotations

import calendar
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from vitalspan.promql.engine.evaluation_context import EvaluationContext
from vitalspan.promql.engine.metric_labels import EMPTY
from vitalspan.promql.engine.plan import NameDropping, Vector, VectorNode


class DatePart(VectorNode):
    """A part of the dates that the values of a vector are, or of the time of the step."""

    def __init__(
        self, part: Callable[[datetime], int], vector: VectorNode | None, names: NameDropping
    ) -> None:
        self._part = part
        self._vector = vector
        self._names = names

    def evaluate(self, context: EvaluationContext) -> Vector:
        if self._vector is None:
            return [(EMPTY, self._of(context.now / 1000))]
        drop = self._names.drop
        vector = self._vector.numbers(context)
        return self._names.check([(drop(labels), self._of(value)) for labels, value in vector])

    def _of(self, seconds: float) -> float:
        try:
            return float(self._part(datetime.fromtimestamp(math.trunc(seconds), UTC)))
        except (ValueError, OverflowError, OSError):
            # A year that the calendar of Python does not have.
            return math.nan


def _weekday(date: datetime) -> int:
    """Return the day of the week; Sunday is 0."""
    return date.isoweekday() % 7


def _days(date: datetime) -> int:
    return calendar.monthrange(date.year, date.month)[1]


def _day_of_year(date: datetime) -> int:
    return date.timetuple().tm_yday


DATE_PARTS: Final[dict[str, Callable[[datetime], int]]] = {
    "day_of_month": lambda date: date.day,
    "day_of_week": _weekday,
    "day_of_year": _day_of_year,
    "days_in_month": _days,
    "hour": lambda date: date.hour,
    "minute": lambda date: date.minute,
    "month": lambda date: date.month,
    "year": lambda date: date.year,
}
