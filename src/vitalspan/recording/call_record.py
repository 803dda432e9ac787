"""Calls as they are buffered, and as they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

from opentelemetry.trace import SpanContext

Outcome = Literal["ok", "error", "cancelled"]

OK: Final = "ok"
ERROR: Final = "error"
CANCELLED: Final = "cancelled"

IN_PROGRESS: Final = float("inf")
"""The duration of a call that has not ended yet."""

Record = list[Any]
"""A buffered call: its start on the steady clock in seconds, its duration in seconds, its call site
and, if there is more to store, its `CallDetails`. While sessions are open the details may be an
`Enclosure`, which all calls of a session share. It is a list, because that is the cheapest object
that a thread can make, put into a buffer, and complete in place later."""


class CallDetails:
    """The details of a call besides its start and duration.

    The defaults are class attributes, because most calls with details have few of them.
    """

    outcome: Outcome = OK
    error_type: str | None = None
    error_message: str | None = None
    marked: bool = False
    """Whether the program itself has set the outcome."""
    labels: dict[str, str] | None = None
    """Labels that became known during the call."""
    site: Any = None
    """The call site of the operation that the call turned out to belong to, if that became known
    while it ran."""
    span: SpanContext | None = None
    """The ids of the span, if it records."""
    span_closed: bool = False
    """Whether the span has been ended, or will be by other code."""
    attributes: dict[str, Any] | None = None
    measures: dict[str, float] | None = None
    first_byte: float | None = None
    """Seconds until the response to a request began, if that is measured."""
    rss_before: int | None = None
    rss_after: int | None = None
    cpu_seconds: float | None = None
    counted: bool = False
    """Whether there is something to count: an outcome, a measure or a resource reading."""
    own: bool = True
    """Whether these details belong to a single call."""
    enclosure: Any = None
    """The sessions around the call; None without any, and after it has been counted in them."""

    @property
    def trace_id(self) -> str | None:
        """The trace id in hexadecimal."""
        return None if self.span is None else f"{self.span.trace_id:032x}"

    @property
    def span_id(self) -> str | None:
        """The span id in hexadecimal."""
        return None if self.span is None else f"{self.span.span_id:016x}"

    @property
    def memory_delta(self) -> int | None:
        """The growth of resident memory in bytes; negative if it shrank."""
        if self.rss_before is None or self.rss_after is None:
            return None
        return self.rss_after - self.rss_before


class CallRecord(NamedTuple):
    """A finished call, as in `Monitor.recent_calls` and `Monitor.slow_calls`.

    Resident memory is that of the whole process. Values that were not measured are None.
    """

    operation: str
    component: str
    labels: Mapping[str, str]
    start: float
    """The start in seconds since the Unix epoch."""
    duration: float
    """Seconds."""
    outcome: Outcome = OK
    error_type: str | None = None
    trace_id: str | None = None
    """The trace id in hexadecimal, if the call had a span."""
    span_id: str | None = None
    attributes: Mapping[str, Any] = {}
    measures: Mapping[str, float] = {}
    rss_before: int | None = None
    """Resident memory before the call in bytes."""
    rss_after: int | None = None
    memory_delta: int | None = None
    cpu_seconds: float | None = None
    error_message: str | None = None
    """The message of the exception, or the one given to `Call.fail`; at most 256 characters."""
    profile_id: str | None = None
    """The id of the profile, if the call was slow and profiled; see `monitor.profiles.get`."""
    worker: int | None = None
    """The number of the process that made the call, if several processes share their calls."""


def details_of(record: Record) -> CallDetails:
    """Return the details of a call, and create them if it has none yet."""
    if len(record) < 4:
        # Before the details are set, so that no flush can overlook them.
        record[2].series.notes.append(None)
        record.append(CallDetails())
    details: CallDetails = record[3]
    if not details.own:
        own = CallDetails()
        own.enclosure = details
        record[2].series.notes.append(None)
        record[3] = details = own
    return details


def to_call_record(record: Record, epoch: float) -> CallRecord:
    """Return a finished record as a `CallRecord`.

    Args:
        record: a buffered call.
        epoch: the difference between the time of day and the steady clock in seconds.
    """
    site = (record[3].site if len(record) > 3 else None) or record[2]
    series = site.series
    call = CallRecord(
        series.operation,
        series.component,
        dict(series.labels),
        record[0] + epoch,
        record[1],
        attributes=dict(site.kept_attributes),
    )
    if len(record) < 4:
        return call
    details: CallDetails = record[3]
    return call._replace(
        labels={**call.labels, **(details.labels or {})},
        outcome=details.outcome,
        error_type=details.error_type,
        trace_id=details.trace_id,
        span_id=details.span_id,
        attributes={**site.kept_attributes, **(details.attributes or {})},
        measures=dict(details.measures or {}),
        rss_before=details.rss_before,
        rss_after=details.rss_after,
        memory_delta=details.memory_delta,
        cpu_seconds=details.cpu_seconds,
        error_message=details.error_message,
    )
