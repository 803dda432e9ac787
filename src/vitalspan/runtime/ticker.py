"""The ticker: a single thread that calls a monitor's tick at an interval."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Final

from vitalspan.runtime.internal_errors import logger

_PATIENCE: Final = 2.0
"""Seconds that stopping waits for the current tick."""


class Ticker:
    """Calls a function at an interval in a daemon thread.

    Args:
        tick: the function; an exception is logged, once in a row.
        interval: seconds between two calls; 0 turns them off.
        name: the name of the thread.
    """

    def __init__(
        self, tick: Callable[[], object], interval: float, name: str = "vitalspan-tick"
    ) -> None:
        self._tick = tick
        self._name = name
        self._interval = interval
        self._should_run = False
        self._begin()

    @property
    def interval(self) -> float:
        """Seconds between two calls; 0 turns them off."""
        return self._interval

    @property
    def running(self) -> bool:
        """True if the thread is running."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Start ticking, unless it ticks already; with an interval of 0, once that is changed."""
        with self._lock:
            self._start()
            self._should_run = True

    def stop(self) -> None:
        """End the thread, after the current tick if there is one."""
        with self._lock:
            self._should_run = False
            thread = self._end()
        if thread is not None and thread is not threading.current_thread():
            thread.join(_PATIENCE)

    def set_interval(self, seconds: float) -> None:
        """Set the seconds between two ticks; 0 turns them off."""
        with self._lock:
            if seconds == self._interval:
                return
            self._interval = seconds
            self._end()
            if self._should_run:
                self._start()

    def reset(self) -> None:
        """Start over in a forked child, which has none of its parent's threads."""
        if self._process != os.getpid():
            self._begin()
            if self._should_run:
                self._start()

    def tick(self) -> None:
        """Call the function once, in this thread."""
        try:
            self._tick()
            self._failing = False
        except Exception:  # noqa: BLE001 - the next tick may succeed
            if not self._failing:
                logger.warning("a tick failed", exc_info=True)
            self._failing = True

    def _begin(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._failing = False

    def _start(self) -> None:
        if self.running or self._interval <= 0:
            return
        self._stop = threading.Event()
        thread = threading.Thread(
            target=self._run, args=(self._stop, self._interval), name=self._name, daemon=True
        )
        thread.start()
        self._thread = thread

    def _end(self) -> threading.Thread | None:
        thread, self._thread = self._thread, None
        self._stop.set()
        return thread

    def _run(self, stop: threading.Event, interval: float) -> None:
        while not stop.wait(interval):
            self.tick()
