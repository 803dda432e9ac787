"""The calls of one session."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import nlargest
from typing import Final

from vitalspan.recording.batch_counts import count_calls
from vitalspan.recording.call_record import CallRecord, Record, to_call_record
from vitalspan.recording.series import CountedBatch, Series
from vitalspan.statistics.call_sums import CallSums

SLOWEST: Final = 5
"""The number of slowest calls to keep."""

MAX_OPERATIONS: Final = 1000
"""The maximum number of operations with their own statistics; others are only in the total."""


class SessionCalls:
    """The sums of a session's calls, and its slowest calls.

    Attributes:
        operations: the sums of each operation, by component and operation.
        others: the sums of operations after the thousandth.
        slowest: the slowest calls, the slowest first.
    """

    def __init__(self) -> None:
        self.operations: dict[tuple[str, str], CallSums] = {}
        self.others = CallSums()
        self.slowest: list[CallRecord] = []

    def add(self, series: Series, calls: CountedBatch) -> None:
        """Add counted calls of one series."""
        key = (series.component, series.operation)
        sums = self.operations.get(key)
        if sums is None:
            sums = self.others
            if len(self.operations) < MAX_OPERATIONS:
                sums = self.operations[key] = CallSums()
        sums.add_calls(series.histogram.grid, calls)
        slowest = self.slowest
        if len(slowest) < SLOWEST or calls.spread.longest > slowest[-1].duration:
            latest = nlargest(SLOWEST, calls.records, key=lambda record: record[1])
            epoch = latest[0][2].recorder.epoch()
            slowest = [*slowest, *(to_call_record(record, epoch) for record in latest)]
            self.slowest = nlargest(SLOWEST, slowest, key=lambda call: call.duration)

    def add_records(self, records: Iterable[Record]) -> None:
        """Add ended calls that are not counted anywhere yet."""
        by_series: dict[int, tuple[Series, list[Record]]] = {}
        for record in records:
            # The operation may have become known during the call.
            site = (record[3].site if len(record) > 3 else None) or record[2]
            series = site.series
            by_series.setdefault(id(series), (series, []))[1].append(record)
        for series, ended in by_series.values():
            self.add(series, count_calls(series, ended))

    def copy(self) -> SessionCalls:
        """Return an independent copy."""
        result = SessionCalls()
        result.operations = {key: one.copy() for key, one in list(self.operations.items())}
        result.others = self.others.copy()
        result.slowest = self.slowest
        return result

    def total(self) -> CallSums:
        """Return the sums of all calls."""
        everything = self.others.copy()
        for sums in self.operations.values():
            everything.add(sums)
        return everything
