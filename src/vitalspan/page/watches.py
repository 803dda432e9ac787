"""The operations whose next calls somebody watches on a page."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Final

from vitalspan.recording.call_record import CallRecord
from vitalspan.recording.call_watch import MOST_WATCHES
from vitalspan.runtime import fork

if TYPE_CHECKING:
    from vitalspan.monitor import Monitor

SECONDS: Final = 300.0
"""The maximum duration of a watch in seconds."""


@dataclass(frozen=True)
class WatchedOperation:
    """A watched operation.

    Attributes:
        operation: the name of the operation.
        component: the name of its component; None for any.
        since: calls that ended before this are ignored, in seconds since the Unix epoch.
        calls: the maximum number of calls.
    """

    operation: str
    component: str | None
    since: float
    calls: int

    @property
    def until(self) -> float:
        """The time at which the watch ends, in seconds since the Unix epoch."""
        return self.since + SECONDS


class Watches:
    """The watches of all monitors in this process.

    A process that shares the calls of a service with others does not know their individual calls,
    so it selects them from the recent calls of all.
    """

    def __init__(self) -> None:
        self.reset()
        fork.reset_in_child(self)

    def reset(self) -> None:
        """Drop all watches."""
        self._lock = Lock()
        self._of: weakref.WeakKeyDictionary[
            Monitor, OrderedDict[WatchedOperation, Callable[[], list[CallRecord]]]
        ] = weakref.WeakKeyDictionary()
        self._listeners: weakref.WeakSet[threading.Event] = weakref.WeakSet()

    def wake_with_another(self, listener: threading.Event) -> None:
        """Set an event whenever another watch begins."""
        with self._lock:
            self._listeners.add(listener)

    def seen(self, monitor: Monitor, watched: WatchedOperation) -> list[CallRecord]:
        """Return the watched calls that have ended so far; start the watch if there is none.

        A watch that began before this process was asked for it only has the recent calls.
        """
        now = monitor.clock.wall()
        with self._lock:
            mine = self._of.setdefault(monitor, OrderedDict())
            found = mine.get(watched)
            if found is None and now < watched.until:
                found = mine[watched] = self._begin(monitor, watched, now)
                while len(mine) > MOST_WATCHES:
                    mine.popitem(last=False)
                for listener in self._listeners:
                    listener.set()
        return _recent(monitor, watched) if found is None else found()[: watched.calls]

    def living(self, monitor: Monitor) -> list[WatchedOperation]:
        """Return the current watches, and drop those that have ended."""
        now = monitor.clock.wall()
        with self._lock:
            mine = self._of.get(monitor) or OrderedDict()
            for watched in [one for one in mine if one.until <= now]:
                del mine[watched]
            return list(mine)

    def _begin(
        self, monitor: Monitor, watched: WatchedOperation, now: float
    ) -> Callable[[], list[CallRecord]]:
        if monitor.workers is not None:
            return lambda: _recent(monitor, watched)
        before = _recent(monitor, watched) if watched.since < now else []
        seen = monitor.statistics.watch(
            watched.operation,
            component=watched.component,
            calls=watched.calls,
            seconds=watched.until - now,
        )
        return lambda: before + seen()


def _recent(monitor: Monitor, watched: WatchedOperation) -> list[CallRecord]:
    """Return the first of the recent calls that match."""
    every = monitor.statistics.recent_calls(watched.operation, component=watched.component)
    ended = [one for one in every if watched.since <= one.start + one.duration < watched.until]
    return ended[: watched.calls]


watches: Final = Watches()
"""The watches of this process."""
