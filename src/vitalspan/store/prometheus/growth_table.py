"""Combines query results about a history into the sums of each series."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from vitalspan.history.operation_series import ERROR_COLUMN, MEASURE_COLUMN
from vitalspan.store.frame import PLAIN_GRID
from vitalspan.store.prometheus.client import RangeSeries
from vitalspan.store.prometheus.durations import (
    Bucket,
    classic_buckets,
    durations_of,
    native_buckets,
)
from vitalspan.store.prometheus.queries import BUCKETS, NATIVE, RENAMED, TOTAL, Question
from vitalspan.store.protocol import StoredSeries
from vitalspan.store.stored_sums import StoredSums

_Labels = tuple[tuple[str, str], ...]

_FRACTIONS: Final = frozenset({"cost", "cpu_seconds"})
"""Columns besides measures that need not be integers."""


@dataclass
class _Growth:
    """The counts of one series in one interval."""

    below: dict[float, float] = field(default_factory=dict)
    native: Any = None
    total: float = 0.0
    extras: dict[str, float] = field(default_factory=dict)


class GrowthTable:
    """The increase of each series in each interval, by the end of the interval."""

    def __init__(self) -> None:
        self._table: dict[tuple[str, _Labels], dict[float, _Growth]] = {}

    def add(self, question: Question, result: Iterable[RangeSeries]) -> None:
        """Add the result of a query."""
        for one in result:
            key = question.kind, tuple((name, one.labels.get(name, "")) for name in question.by)
            row = self._table.setdefault(key, {})
            for when, value in one.points:
                if math.isfinite(value):
                    _add(row.setdefault(when, _Growth()), question, one.labels, value)
            for when, histogram in one.histograms:
                if question.column == NATIVE:
                    row.setdefault(when, _Growth()).native = histogram

    def times(self) -> list[float]:
        """Return the ends of the intervals, in order."""
        return sorted({when for row in self._table.values() for when in row})

    def at(self, time: float) -> Iterator[StoredSums]:
        """Yield the sums of each series that has counted anything in the interval with this end."""
        for number, ((kind, labels), row) in enumerate(self._table.items()):
            growth = row.get(time)
            if growth is not None:
                named = {name: value for name, value in labels if value}
                sums = _sums(StoredSeries(number, kind, named), growth)
                if sums.count or any(sums.extras.values()):
                    yield sums


def _add(growth: _Growth, question: Question, labels: dict[str, str], value: float) -> None:
    if question.column == BUCKETS:
        bound = float(labels.get("le") or "inf")
        growth.below[bound] = growth.below.get(bound, 0.0) + value
    elif question.column == TOTAL:
        growth.total += value
    elif question.column != NATIVE:
        column = question.column.format_map(labels)
        column = column if question.kind == "operation" else RENAMED.get(column, column)
        growth.extras[column] = growth.extras.get(column, 0.0) + value


def _sums(series: StoredSeries, growth: _Growth) -> StoredSums:
    buckets: list[Bucket] = classic_buckets(growth.below)
    total = growth.total
    if growth.native is not None:
        # If a server has both, the native buckets are finer.
        buckets = native_buckets(growth.native)
        total = float(growth.native.get("sum", 0.0))
    count, plain, shortest, longest = durations_of(buckets)
    mean = total / count if count else 0.0
    squares = sum(calls * PLAIN_GRID.middle(bucket) ** 2 for bucket, calls in plain.items())
    extras = {
        column: _whole(column, amount) for column, amount in growth.extras.items() if amount > 0
    }
    errors = sum(
        int(amount) for column, amount in extras.items() if column.startswith(ERROR_COLUMN)
    )
    return StoredSums(
        series,
        count,
        errors,
        total,
        max(squares, count * mean * mean),
        min(shortest, mean) if count else shortest,
        max(longest, mean) if count else longest,
        plain,
        extras,
    )


def _whole(column: str, amount: float) -> float:
    """Return an extrapolated amount as an integer if it counts something."""
    is_whole = column not in _FRACTIONS and not column.startswith(MEASURE_COLUMN)
    return float(round(amount)) if is_whole else amount
