"""Batches of call records: what has ended in them, and their durations by buckets."""

from __future__ import annotations

import math

from vitalspan.recording.buckets import BucketGrid
from vitalspan.recording.call_record import IN_PROGRESS, Record
from vitalspan.recording.duration_histogram import Spread


def parted(batch: list[Record], durations: list[float]) -> tuple[list[Record], list[Record]]:
    """Return the calls that had ended when their durations were read, and the others."""
    ended: list[Record] = []
    waiting: list[Record] = []
    for record, seconds in zip(batch, durations, strict=True):
        (waiting if seconds == IN_PROGRESS else ended).append(record)
    return ended, waiting


def belongs_elsewhere(record: Record) -> bool:
    """Return whether the operation or a label of an ended call became known during it."""
    details = record[3]
    return bool(details.labels) or details.site is not None


def in_buckets(
    grid: BucketGrid, durations: list[float], total: float
) -> tuple[dict[int, int], Spread]:
    """Return how many durations are in each fine bucket, and their spread.

    Args:
        grid: the fine buckets.
        durations: in seconds, in any order.
        total: their sum.
    """
    lowest, size = grid.bounds[0], len(durations)
    squares = math.hypot(*durations) ** 2
    # Sorting finds both ends on the way, but costs more than that where there is but one bucket.
    if total <= lowest * size:
        longest = max(durations)
        if longest <= lowest:
            return {0: size}, Spread(squares, min(durations), longest)
    ordered = sorted(durations)
    return grid.count(ordered), Spread(squares, ordered[0], ordered[-1])
