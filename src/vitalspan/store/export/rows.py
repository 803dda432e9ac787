"""Rows of stored history: one for each series and interval."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any, Final, NamedTuple

from vitalspan.metrics import COMPONENT, OPERATION
from vitalspan.store.stored_sums import StoredSums

COLUMNS: Final = (
    *("start", "end", "component", "operation", "labels", "count", "errors"),
    *("total_seconds", "min_seconds", "max_seconds", "p50_seconds", "p95_seconds", "p99_seconds"),
)
"""The columns in the rows of operations; times are in seconds since the Unix epoch."""


Points = Iterable[tuple[float, list[StoredSums]]]
"""The sums of operations in each interval, with the start of the interval."""


class Selection(NamedTuple):
    """The part of a history to export.

    Attributes:
        step: the length of the intervals in seconds.
        start: the start in seconds since the Unix epoch.
        end: the end in seconds since the Unix epoch.
    """

    step: int
    start: float
    end: float


def operation_rows(points: Points, step: int) -> Iterator[dict[str, Any]]:
    """Yield a row for each operation and interval with calls; its fields are `COLUMNS`.

    Args:
        points: the intervals.
        step: the length of the intervals in seconds.

    Raises:
        StoreError: if the history cannot be read.
    """
    for start, sums in points:
        for one in sums:
            yield {"start": int(start), "end": int(start) + step, **_figures(one)}


def _figures(sums: StoredSums) -> dict[str, Any]:
    labels = dict(sums.series.labels)
    component, operation = labels.pop(COMPONENT, ""), labels.pop(OPERATION, "")
    return {
        "component": component,
        "operation": operation,
        "labels": labels,
        "count": sums.count,
        "errors": sums.errors,
        "total_seconds": sums.total,
        "min_seconds": sums.shortest if sums.count else None,
        "max_seconds": sums.longest if sums.count else None,
        "p50_seconds": sums.quantile(0.5),
        "p95_seconds": sums.quantile(0.95),
        "p99_seconds": sums.quantile(0.99),
    }


def flat_rows(rows: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield rows with their labels as JSON, for formats without mappings."""
    for row in rows:
        yield {**row, "labels": json.dumps(row["labels"], sort_keys=True)}


def write_csv(rows: Iterable[Mapping[str, Any]], file: IO[str]) -> None:
    """Write rows as comma-separated values, with a header row."""
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat_rows(rows))


def write_json(rows: Iterable[Mapping[str, Any]], file: IO[str]) -> None:
    """Write rows as a JSON array, with one object per line."""
    before = "[\n"
    for row in rows:
        file.write(before + json.dumps(row))
        before = ",\n"
    file.write("[]\n" if before == "[\n" else "\n]\n")
