"""Measures the lag and the number of tasks of asyncio event loops."""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING, Any, Final

from vitalspan.argument_checks import check_seconds
from vitalspan.default import get_monitor
from vitalspan.integrations.live_gauges import LiveGauges
from vitalspan.labels import value_text
from vitalspan.metrics import EVENT_LOOP_LAG, EVENT_LOOP_TASKS
from vitalspan.monitor_metrics import OnePerMonitor

if TYPE_CHECKING:
    from vitalspan.clock import Clock
    from vitalspan.monitor import Monitor

__all__ = ["LoopWatch", "instrument"]

SPAN: Final = 60.0
"""The minimum number of seconds that a lag is remembered, so that a scrape sees it."""


class LoopWatch:
    """Measures the lag of an event loop.

    A timer fires at an interval. The time by which it is late is the lag: for that long something
    has blocked the loop, such as a blocking call. While the loop is blocked, other threads see the
    lag grow.

    Args:
        loop: the event loop.
        interval: seconds between two measurements.
        clock: provides the time.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, interval: float, clock: Clock) -> None:
        # The loop keeps the watch by its timer, and not the other way round.
        self._loop = weakref.ref(loop)
        self._interval = interval
        self._now = clock.now
        self._due = float("inf")
        self._began = clock.now()
        self._greatest = 0.0
        self._greatest_before = 0.0
        self.stopped = False

    def start(self) -> None:
        """Start measuring; it may be called in any thread."""
        loop = self._open_loop()
        if loop is not None:
            loop.call_soon_threadsafe(self._schedule)

    def stop(self) -> None:
        """Stop measuring; it has to be called in the thread of the loop."""
        self.stopped = True
        self._due = float("inf")

    def lag(self) -> float:
        """Return the greatest lag of the last minute or two, in seconds; 0 for a closed loop."""
        if self._open_loop() is None:
            return 0.0
        return max(self._greatest, self._greatest_before, self._now() - self._due, 0.0)

    def tasks(self) -> int:
        """Return the number of the loop's tasks that have not ended; 0 for a closed loop."""
        loop = self._open_loop()
        return 0 if loop is None else len(asyncio.all_tasks(loop))

    def _open_loop(self) -> asyncio.AbstractEventLoop | None:
        loop = self._loop()
        return None if loop is None or loop.is_closed() else loop

    def _schedule(self) -> None:
        loop = self._open_loop()
        if loop is not None and not self.stopped:
            self._due = self._now() + self._interval
            loop.call_later(self._interval, self._measure)

    def _measure(self) -> None:
        if self.stopped:
            return
        now = self._now()
        if now - self._began >= SPAN:
            self._began = now
            self._greatest_before, self._greatest = self._greatest, 0.0
        self._greatest = max(self._greatest, now - self._due)
        self._schedule()


_gauges: Final = OnePerMonitor(
    lambda monitor: LiveGauges(
        monitor, "loop", {EVENT_LOOP_LAG: LoopWatch.lag, EVENT_LOOP_TASKS: LoopWatch.tasks}
    )
)
_watched: weakref.WeakKeyDictionary[Any, LoopWatch] = weakref.WeakKeyDictionary()


def instrument(
    loop: asyncio.AbstractEventLoop | None = None,
    *,
    name: str = "main",
    interval: float = 0.5,
    monitor: Monitor | None = None,
) -> LoopWatch:
    """Show the lag and the number of tasks of an event loop. Calling it again changes nothing.

    Args:
        loop: the event loop; by default the running one.
        name: the label `loop` of the metrics.
        interval: seconds between two measurements.
        monitor: the monitor that shows them; None is the default monitor.

    Returns:
        The watch; `stop()` ends it.

    Raises:
        ConfigurationError: for an invalid interval.
        RuntimeError: if no loop is given and none is running.
    """
    check_seconds("interval", interval, 0.01, 60)
    loop = loop or asyncio.get_running_loop()
    watch = _watched.get(loop)
    if watch is None or watch.stopped:
        monitor = monitor or get_monitor()
        watch = _watched[loop] = LoopWatch(loop, interval, monitor.clock)
        _gauges(monitor).add(value_text(name), watch)
        watch.start()
    return watch
