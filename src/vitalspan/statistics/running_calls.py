"""The calls that are inside now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitalspan.recording.call_record import Record
from vitalspan.statistics.call_statistics import RunningCall

if TYPE_CHECKING:
    from vitalspan.recording.recorder import Recorder


def running_calls(recorder: Recorder) -> list[tuple[Record, RunningCall]]:
    """Return every call that is inside now in this process, with its record, the oldest first."""
    now, epoch = recorder.now(), recorder.epoch()
    records = [record for series in recorder.series_table.all() for record in series.running()]
    calls = []
    for record in sorted(records, key=lambda record: record[0]):
        start, details = record[0], record[3] if len(record) > 3 else None
        # The operation may have become known during the call.
        series = ((details and details.site) or record[2]).series
        call = RunningCall(
            series.component,
            series.operation,
            dict(series.labels),
            start + epoch,
            max(0.0, now - start),
            details and details.trace_id,
            details and details.span_id,
        )
        calls.append((record, call))
    return calls
