"""The document of the next calls of an operation, while somebody watches them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vitalspan.page.watches import WatchedOperation, watches
from vitalspan.recording.call_record import CallRecord

if TYPE_CHECKING:
    from vitalspan.monitor import Monitor


@dataclass(frozen=True)
class Watch:
    """The next calls of an operation, as far as they have ended.

    Attributes:
        at: when this was created, in seconds since the Unix epoch.
        operation: the name of the operation.
        component: the name of its component; None for any.
        since: the start of the watch, in seconds since the Unix epoch.
        until: the end of the watch, in seconds since the Unix epoch.
        wanted: the number of calls after which the watch ends.
        calls: the calls, in the order in which they ended.
        ended: whether there will be no more calls.
        trace_url: the URL of a trace, with `{trace_id}` in the place of its id; empty without one.
    """

    at: float
    operation: str
    component: str | None
    since: float
    until: float
    wanted: int
    calls: tuple[CallRecord, ...]
    ended: bool
    trace_url: str


def watch(monitor: Monitor, asked: dict[str, Any]) -> Watch:
    """Return the next calls of an operation that have ended since a watch began."""
    now = monitor.clock.wall()
    since = now if asked["since"] is None else min(asked["since"], now)
    return of(
        monitor, WatchedOperation(asked["operation"], asked["component"], since, asked["limit"])
    )


def of(monitor: Monitor, watched: WatchedOperation) -> Watch:
    """Return what is to be seen of an operation that is watched."""
    calls, now = watches.seen(monitor, watched), monitor.clock.wall()
    return Watch(
        at=now,
        operation=watched.operation,
        component=watched.component,
        since=watched.since,
        until=watched.until,
        wanted=watched.calls,
        calls=tuple(calls),
        ended=len(calls) >= watched.calls or now >= watched.until,
        trace_url=monitor.settings.trace_url,
    )
