"""Batches of calls to be counted."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from operator import itemgetter

from vitalspan.recording.buckets import BucketGrid
from vitalspan.recording.call_record import IN_PROGRESS, Record
from vitalspan.recording.duration_histogram import Spread
from vitalspan.recording.enclosing_sessions import (
    OUTSIDE,
    EnclosingSession,
    Enclosure,
    enclosure_of,
)
from vitalspan.recording.series import CountedBatch, EnclosedCalls, Series

_duration = itemgetter(1)


def count_calls(series: Series, records: list[Record]) -> CountedBatch:
    """Count some calls of one series, at least one."""
    durations = list(map(_duration, records))
    total = sum(durations)
    buckets, spread = in_buckets(series.histogram.grid, durations, total)
    return CountedBatch(buckets, total, spread, with_details(records), records)


def durations_within(
    records: list[Record], sessions: Mapping[int, EnclosingSession]
) -> tuple[list[float], Enclosure | None]:
    """Return the durations of calls, and their enclosure if they all have the same one.

    Looking for it while the durations are read costs next to nothing.

    Args:
        records: the calls, at least one.
        sessions: the open sessions; if there are none, no enclosure matters.
    """
    if sessions and len(records[0]) > 3:
        first = records[0][3]
        try:
            durations = [record[1] for record in records if record[3] is first]
        except IndexError:
            # Some of the calls began while no session was open.
            return list(map(_duration, records)), None
        if len(durations) == len(records) and not first.own:
            return durations, first
    return list(map(_duration, records)), None


def within_sessions(series: Series, records: list[Record], *, outside: bool) -> EnclosedCalls:
    """Return the calls that began within sessions, by their enclosure.

    Args:
        series: the series that they are counted in.
        records: the calls.
        outside: whether calls outside of any session are returned as well.
    """
    parts: dict[Enclosure, list[Record]] = {}
    for record in records:
        enclosure = enclosure_of(record)
        if enclosure is not None and (outside or enclosure is not OUTSIDE):
            parts.setdefault(enclosure, []).append(record)
    return tuple((enclosure, count_calls(series, part)) for enclosure, part in parts.items())


def with_details(records: list[Record]) -> list[Record]:
    """Return the calls that have details."""
    return [record for record in records if len(record) > 3 and record[3].own]


def split_by_progress(
    batch: list[Record], durations: list[float]
) -> tuple[list[Record], list[Record]]:
    """Split a batch into the calls that had ended when their durations were read, and the rest."""
    ended: list[Record] = []
    waiting: list[Record] = []
    for record, seconds in zip(batch, durations, strict=True):
        (waiting if seconds == IN_PROGRESS else ended).append(record)
    return ended, waiting


def belongs_elsewhere(record: Record) -> bool:
    """Return whether an ended call got its operation or a label while it ran."""
    if len(record) < 4:
        return False
    details = record[3]
    return bool(details.labels) or details.site is not None


def without_relocated(
    series: Series, batch: list[Record], relocate: Callable[[Record], Series]
) -> tuple[list[Record], list[Series]]:
    """Hand calls over to the series that turned out to be theirs while they ran.

    Args:
        series: the series that they began in.
        batch: the calls, all of which have ended.
        relocate: hands a call to the series that it belongs to, and returns that series.

    Returns:
        The other calls, and the series of those that were handed over.
    """
    staying, relocated_to = [], []
    for record in batch:
        if belongs_elsewhere(record):
            target = relocate(record)
            if target is not series:
                series.split = True
                relocated_to.append(target)
                continue
        staying.append(record)
    return staying, relocated_to


def in_buckets(
    grid: BucketGrid, durations: list[float], total: float
) -> tuple[dict[int, int], Spread]:
    """Return how many durations are in each fine bucket, and their spread.

    Args:
        grid: the fine buckets.
        durations: in seconds, in any order.
        total: their sum.
    """
    if len(durations) == 1:
        # Most operations have a single call between two reads.
        seconds = durations[0]
        return {grid.bucket(seconds): 1}, Spread(seconds**2, seconds, seconds)
    lowest, size = grid.bounds[0], len(durations)
    squares = math.hypot(*durations) ** 2
    if total > lowest * size:
        ordered = sorted(durations)
        return grid.count(ordered), Spread(squares, ordered[0], ordered[-1])
    # Most are in the first bucket and need no sorting, which costs twice as much as `min` and
    # `max`.
    spread = Spread(squares, min(durations), max(durations))
    if spread.longest <= lowest:
        return {0: size}, spread
    buckets = grid.count(sorted(filter(lowest.__lt__, durations)))
    in_first = size - sum(buckets.values())
    return ({0: in_first, **buckets} if in_first else buckets), spread
