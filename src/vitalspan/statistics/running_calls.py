"""The calls that are inside now."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING

from vitalspan.recording.call_record import Record
from vitalspan.statistics.call_statistics import RunningCall

if TYPE_CHECKING:
    from vitalspan.recording.recorder import Recorder


def running_calls(recorder: Recorder) -> list[tuple[Record, RunningCall]]:
    """Return every call that is inside now in this process, with its record, the oldest first."""
    now, epoch = recorder.now(), recorder.epoch()
    records = [record for series in recorder.series_table.all() for record in series.running()]
    records.sort(key=itemgetter(0))
    return [(record, running_call(record, now, epoch)) for record in records]


def running_call(record: Record, now: float, epoch: float) -> RunningCall:
    """Return a call that is inside as it is shown.

    Args:
        record: of the call.
        now: the present time on the steady clock in seconds.
        epoch: the difference between the time of day and that clock.
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
