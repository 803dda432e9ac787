"""Server-sent events: after each tick, the status of the service at a glance."""

from __future__ import annotations

from typing import Final

from vitalspan.page.api import answer, monitor_of

CONTENT_TYPE: Final = "text/event-stream"

OPENING: Final = b"retry: 3000\n\n"
"""The beginning of a stream: in how many milliseconds a browser comes again when it has ended."""

_SHORTEST: Final = 1.0
_LONGEST: Final = 15.0


def event(registry: object) -> bytes:
    """Return the event that tells how the service is now."""
    # JSON in one line can have no line break that would end the event.
    return b"event: status\ndata: " + answer("status", "", registry).body.strip() + b"\n\n"


def seconds_between(registry: object) -> float:
    """Return the seconds between two events: those between two ticks, within bounds."""
    monitor = monitor_of(registry)
    interval = 0.0 if monitor is None else monitor.evaluation.ticker.interval
    return min(_LONGEST, max(_SHORTEST, interval or _LONGEST))
