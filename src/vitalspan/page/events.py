"""Server-sent events: after each tick the status of the service, and calls that are watched."""

from __future__ import annotations

from typing import Final

from vitalspan.page import routes
from vitalspan.page.api import answer, monitor_of
from vitalspan.page.documents import watch
from vitalspan.page.json_document import dump
from vitalspan.page.watches import WatchedOperation, watches

HEADERS: Final = (
    *routes.HEADERS,
    ("Content-Type", "text/event-stream"),
    ("X-Accel-Buffering", "no"),
)
"""The headers of a stream."""

OPENING: Final = b"retry: 3000\n\n"
"""The beginning of a stream: in how many milliseconds a browser comes again when it has ended."""

_SHORTEST: Final = 1.0
_LONGEST: Final = 15.0


class EventFeed:
    """The events for everybody who follows a service, made step by step.

    Args:
        registry: the registry of the service.

    Attributes:
        seconds: the seconds until the next step.
    """

    def __init__(self, registry: object) -> None:
        self._registry = registry
        self._until_status = 0.0
        self._told: dict[WatchedOperation, int] = {}
        self.seconds = _SHORTEST

    def step(self, *, anew: bool = False) -> bytes:
        """Return the events that are due, one after the other; nothing where none is.

        Args:
            anew: whether there is a new client, which needs everything.
        """
        events = b""
        if anew or self._until_status <= 0:
            # JSON in one line cannot contain a line break that would end the event.
            body = answer("status", "", self._registry).body.strip()
            events += b"event: status\ndata: " + body + b"\n\n"
            self._until_status = seconds_between(self._registry)
        watched = self._watched(anew=anew)
        self.seconds = min(self._until_status, _SHORTEST if self._told else _LONGEST)
        self._until_status -= self.seconds
        return events + watched

    def _watched(self, *, anew: bool) -> bytes:
        monitor = monitor_of(self._registry)
        living = [] if monitor is None else watches.living(monitor)
        if monitor is None or not living:
            self._told.clear()
            return b""
        before, self._told, events = self._told, {}, b""
        for one in living:
            document = watch.of(monitor, one)
            count = self._told[one] = len(document.calls)
            if anew or count != before.get(one):
                events += b"event: watch\ndata: " + dump(document).strip() + b"\n\n"
        return events


def seconds_between(registry: object) -> float:
    """Return the seconds between two events: those between two ticks, within bounds."""
    monitor = monitor_of(registry)
    interval = 0.0 if monitor is None else monitor.evaluation.ticker.interval
    return min(_LONGEST, max(_SHORTEST, interval or _LONGEST))
