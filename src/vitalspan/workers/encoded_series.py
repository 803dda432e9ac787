"""Encodes the counts of series into columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from vitalspan.workers.binary_columns import COUNT_TYPES, packed
from vitalspan.workers.compact_json import dump
from vitalspan.workers.details_encoding import details_document
from vitalspan.workers.series_columns import (
    IN_PROGRESS,
    LAYOUT_TYPES,
    MEASURED,
    SIZES,
    SPLIT,
    VALUE_TYPES,
    InProgress,
    Values,
)
from vitalspan.workers.series_keys import encode_keys
from vitalspan.workers.worker_counts import SeriesCounts


class EncodedSeries(NamedTuple):
    """One series, ready to be put into columns.

    Attributes:
        key: the key from `encode_key`.
        layout: its row in the columns of the layout.
        values: its row in the columns of values.
        fine: the counts of its fine buckets.
        details: the details as JSON; empty if there are none.
    """

    key: bytes
    layout: tuple[float, int, int, int, int, int]
    values: Values
    fine: bytes
    details: bytes


def encode_series(key: bytes, series: SeriesCounts, grid: int, epoch: float) -> EncodedSeries:
    """Return one series, ready to be put into columns.

    Args:
        key: the key from `encode_key`.
        series: the counts.
        grid: the index of the bucket boundaries.
        epoch: the difference between the time of day and the steady clock in seconds.
    """
    fine, details = (series.fine if any(series.fine) else []), series.details
    greatest = max(fine, default=0)
    width = next(size for size in COUNT_TYPES if greatest < 1 << (8 * size))
    flags = SPLIT if series.split else 0
    cpu_seconds, memory_growth, document = 0.0, 0, b""
    if details is not None:
        if details.measured:
            flags |= MEASURED
            cpu_seconds, memory_growth = details.cpu_seconds, details.memory_growth
        if decoded := details_document(details, epoch):
            document = dump(decoded)
    return EncodedSeries(
        key,
        (series.created, series.first if fine else 0, len(fine), grid, width, flags),
        Values(series.total, *series.spread, cpu_seconds, memory_growth),
        packed(COUNT_TYPES[width], fine),
        document,
    )


def encode_columns(
    series: Sequence[EncodedSeries], in_progress: Iterable[InProgress] = (), keys: bytes = b""
) -> bytes:
    """Return the columns of some series.

    Args:
        series: the rows.
        in_progress: the calls in progress, for series that have any.
        keys: the result of `encode_keys`, if it is available.
    """
    keys = keys or encode_keys(one.key for one in series)
    running = [IN_PROGRESS.pack(*one) for one in in_progress]
    details = [b"[%d,%b]" % (slot, one.details) for slot, one in enumerate(series) if one.details]
    parts = [SIZES.pack(len(keys), len(series), len(running)), keys]
    for rows, types in (
        ([one.layout for one in series], LAYOUT_TYPES),
        ([one.values for one in series], VALUE_TYPES),
    ):
        columns: Iterable[tuple[Any, ...]] = zip(*rows, strict=True)
        parts += [packed(code, column) for code, column in zip(types, columns, strict=False)]
    for width in COUNT_TYPES:
        parts += [one.fine for one in series if one.layout[4] == width]
    return b"".join((*parts, *running, b"[", b",".join(details), b"]"))
