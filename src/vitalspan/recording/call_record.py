"""A call as it is buffered, and as it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

from opentelemetry.trace import SpanContext

Outcome = Literal["ok", "error", "cancelled"]

OK: Final = "ok"
ERROR: Final = "error"
CANCELLED: Final = "cancelled"

IN_PROGRESS: Final = float("inf")
"""The duration of a call that has not ended."""

Record = list[Any]
"""A buffered call: start on the steady clock in seconds, duration in seconds, its call site and,
where there is more to say, its `CallDetails`. While sessions are open these may be an `Enclosure`,
which the calls of a session share. A list, because a list is the cheapest thing that one thread can
make, put into a buffer, and complete in place later."""


class CallDetails:
    """The details of a call beyond its start and duration.

    The defaults are the class's, since most calls that have details have few of them.
    """

    outcome: Outcome = OK
    error_type: str | None = None
    error_message: str | None = None
    marked: bool = False
    """Whether the program itself has said how the call ended."""
    labels: dict[str, str] | None = None
    """Labels that became known during the call."""
    site: Any = None
    """The call site of the operation that the call turned out to be of, where that became known
    during it."""
    span: SpanContext | None = None
    """The ids of a recording span."""
    span_closed: bool = False
    """Whether the end of that span was taken care of."""
    attributes: dict[str, Any] | None = None
    measures: dict[str, float] | None = None
    first_byte: float | None = None
    """Seconds until the response to a request began, where that is counted."""
    rss_before: int | None = None
    rss_after: int | None = None
    cpu_seconds: float | None = None
    counted: bool = False
    """Whether there is something to count: an outcome, a measure or a reading."""
    own: bool = True
    """Whether these are the details of one call alone."""
    enclosure: Any = None
    """The sessions around the call; None without any, and once it is counted in them."""

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
        """Growth of resident memory in bytes, negative where it shrank."""
        if self.rss_before is None or self.rss_after is None:
            return None
        return self.rss_after - self.rss_before


class CallRecord(NamedTuple):
    """A finished call, as `Monitor.recent_calls` and `Monitor.slow_calls` show it.

    Resident memory is that of the whole process. What was not measured is None.
    """

    operation: str
    component: str
    labels: Mapping[str, str]
    start: float
    """Seconds since the Unix epoch."""
    duration: float
    """Seconds."""
    outcome: Outcome = OK
    error_type: str | None = None
    trace_id: str | None = None
    """Hexadecimal, of a call that had a span."""
    span_id: str | None = None
    attributes: Mapping[str, Any] = {}
    measures: Mapping[str, float] = {}
    rss_before: int | None = None
    """Bytes."""
    rss_after: int | None = None
    memory_delta: int | None = None
    cpu_seconds: float | None = None
    error_message: str | None = None
    """What was raised, or what `Call.fail` was told; at most 256 characters."""
    profile_id: str | None = None
    """Of a slow call that was profiled; `monitor.profiles.get` has the profile."""
    worker: int | None = None
    """The number of the process that made the call, where several put their calls together."""


def details_of(record: Record) -> CallDetails:
    """Return the details of a call, which has some from now on."""
    if len(record) < 4:
        # Before the details, so that no flush can overlook them.
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
    """Return a finished record for reading.

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
