"""The running calls."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING

from vitalspan.recording.call_record import Record
from vitalspan.statistics.call_statistics import RunningCall

if TYPE_CHECKING:
    from vitalspan.recording.recorder import Recorder


def running_calls(recorder: Recorder) -> list[tuple[Record, RunningCall]]:
    """Return all running calls of this process with their records, the oldest first."""
    now, epoch = recorder.now(), recorder.epoch()
    records = [record for series in recorder.series_table.all() for record in series.running()]
    records.sort(key=itemgetter(0))
    return [(record, running_call(record, now, epoch)) for record in records]


def running_call(record: Record, now: float, epoch: float) -> RunningCall:
    """Return a running call in its displayed form.

    Args:
        record: the record of the call.
        now: the current time on the steady clock in seconds.
        epoch: the difference between the time of day and that clock in seconds.
    """
    start, details = record[0], record[3] if len(record) > 3 else None
    # The operation may have become known during the call.
    series = ((details and details.site) or record[2]).series
    return RunningCall(
        series.component,
        series.operation,
        dict(series.labels),
        start + epoch,
        max(0.0, now - start),
        details and details.trace_id,
        details and details.span_id,
    )
