"""The thread that ticks: one for each monitor, never two."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from vitalspan.record.faults import logger

_PATIENCE: Final = 2.0
"""Seconds that stopping waits for a tick to end."""


class Ticker:
    """Calls something again and again in a daemon thread.

    Args:
        tick: what is called; what it raises is logged, once in a row.
        interval: seconds between two calls.
    """

    def __init__(self, tick: Callable[[], object], interval: float) -> None:
        self.interval = interval
        self._tick = tick
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether the thread is there."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Start ticking, unless it ticks already or the interval is 0."""
        with self._lock:
            if self.running or self.interval <= 0:
                return
            self._stop = threading.Event()
            self._thread = threading.Thread(
                target=self._run, args=(self._stop,), name="vitalspan-tick", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """End the thread; a tick that is being made is waited for."""
        with self._lock:
            thread, self._thread = self._thread, None
            self._stop.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(_PATIENCE)

    def reset(self) -> None:
        """Begin anew in a forked child, which has none of its parent's threads."""
        ticked = self._thread is not None
        self._lock = threading.Lock()
        self._thread = None
        if ticked:
            self.start()

    def _run(self, stop: threading.Event) -> None:
        failing = False
        while not stop.wait(self.interval):
            try:
                self._tick()
                failing = False
            except Exception:  # noqa: BLE001, PERF203 - the next tick may succeed
                if not failing:
                    logger.warning("a tick failed", exc_info=True)
                failing = True
