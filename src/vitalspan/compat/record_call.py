"""Records calls that the caller has timed."""

from __future__ import annotations

from collections.abc import Mapping

from vitalspan.metrics import OTHER
from vitalspan.monitor import Monitor
from vitalspan.recording.call import call_of
from vitalspan.recording.call_record import IN_PROGRESS, Record
from vitalspan.recording.call_site import OFF
from vitalspan.recording.enclosing_sessions import enclose
from vitalspan.recording.lock_free_counter import amount_of
from vitalspan.recording.options import check_options
from vitalspan.recording.outcome import end

_NONE: Mapping[str, float] = {}


def record_call(
    monitor: Monitor,
    operation: str,
    seconds: float,
    *,
    component: str | None = None,
    error: str | None = None,
    labels: Mapping[str, object] | None = None,
    measures: Mapping[str, float] = _NONE,
) -> None:
    """Count a call that has just ended with a given duration. Invalid values never raise.

    Args:
        monitor: the monitor that counts it.
        operation: the name of the operation.
        seconds: the duration; an invalid one is ignored and logged once.
        component: the component of the operation; None is that of the monitor.
        error: a description of the error; None for a call that succeeded.
        labels: the labels of its series.
        measures: the amounts that it added, by name.
    """
    recorder = monitor._recorder  # noqa: SLF001 - of the same package
    try:
        duration = amount_of(seconds)
    except ValueError as fault:
        recorder.internal_errors.note(
            "measure", f"a call of {operation!r:.80}: {fault}", trace=False
        )
        return
    options = check_options(operation, component=component, labels=labels, resources=False)
    site = monitor._call_sites.block(options)  # noqa: SLF001 - of the same package
    if site.gate is OFF:
        return
    record: Record = [site.now() - duration, IN_PROGRESS, site]
    if recorder.open_sessions:
        enclose(record)
    site.series.records.append(record)
    call = call_of(record)
    for name, amount in measures.items():
        call.add(name, amount)
    if error is not None:
        call.fail(error, error_type=OTHER)
    end(site, record, duration)
