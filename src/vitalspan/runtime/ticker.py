"""The ticker: a single thread that calls a monitor's tick at an interval."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Final

from vitalspan.runtime.internal_errors import logger

_PATIENCE: Final = 2.0
"""Seconds that stopping waits for the current tick."""


class Ticker:
    """Calls a function at an interval in a daemon thread.

    A signal handler may call any method, even one that it interrupts.

    Args:
        tick: the function; an exception is logged, once in a row.
        interval: seconds between two calls; 0 turns them off.
        name: the name of the thread.
    """

    _last: _Request | None

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
            self._should_run = True
            self._start()

    def stop(self) -> None:
        """End the thread, after the current tick if there is one."""
        self.finish(_nothing, _PATIENCE)

    def finish(self, last: Callable[[], object], patience: float) -> bool:
        """End the thread with a call of a function; without a thread, it is called here.

        Args:
            last: the function; it must not raise.
            patience: seconds to wait for the current tick and for the function.

        Returns:
            Whether the function has returned. If not, it is called when the current tick ends.
        """
        with self._lock:
            self._should_run = False
            thread, former = self._thread, self._last
            if thread is None and former is not None and former.is_pending:
                request = former
            else:
                request = self._last = self._end(last)
        if request is not former and not _can_answer(thread):
            request.run()
            return True
        if not request.wait(patience):
            return False
        if thread is not None:
            thread.join(patience)
        return True

    def tick_soon(self, patience: float) -> bool:
        """Let the thread tick now, after the current tick if there is one, and wait for it.

        Args:
            patience: seconds to wait.

        Returns:
            Whether it has ticked, or does not run.
        """
        with self._lock:
            if not _can_answer(self._thread):
                return True
            request = _Request(self.tick)
            self._requests.put(request)
        return request.wait(patience)

    def set_interval(self, seconds: float) -> None:
        """Set the seconds between two ticks; 0 turns them off."""
        with self._lock:
            if seconds == self._interval:
                return
            self._interval = seconds
            self._end(_nothing)
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
        self._lock = threading.RLock()
        # Unlike an event, it may be used by a signal handler that interrupts a use of it.
        self._requests: SimpleQueue[_Request] = SimpleQueue()
        self._last = None
        self._thread: threading.Thread | None = None
        self._failing = False

    def _start(self) -> None:
        if self.running or self._interval <= 0:
            return
        self._requests = SimpleQueue()
        self._thread = threading.Thread(
            target=self._run, args=(self._requests, self._interval), name=self._name, daemon=True
        )
        self._thread.start()

    def _end(self, last: Callable[[], object]) -> _Request:
        """Let the thread end with a call of a function."""
        thread, self._thread = self._thread, None
        request = _Request(last, is_last=True)
        if thread is not None:
            self._requests.put(request)
        return request

    def _run(self, requests: SimpleQueue[_Request], interval: float) -> None:
        while True:
            try:
                request = requests.get(timeout=interval)
            except Empty:
                self.tick()
                continue
            request.run()
            if request.is_last:
                return


class _Request:
    """A function that the thread is asked to call as soon as it can.

    Args:
        call: the function.
        is_last: whether the thread ends afterwards.
    """

    def __init__(self, call: Callable[[], object], *, is_last: bool = False) -> None:
        self.is_last = is_last
        self._calls = [call]
        self._caller = 0
        # Unlike an event, a signal handler may wait for it while its own thread does.
        self._pending = threading.Lock()
        self._pending.acquire()

    @property
    def is_pending(self) -> bool:
        """Whether the function has not returned yet."""
        return self._pending.locked()

    def run(self) -> None:
        """Call the function, unless another thread does or did."""
        try:
            call = self._calls.pop()
        except IndexError:
            return
        self._caller = threading.get_ident()
        try:
            call()
        finally:
            self._pending.release()

    def wait(self, seconds: float) -> bool:
        """Wait until the function has returned; return whether it has in time."""
        # A signal handler that interrupts the call would wait for itself.
        is_own = self._caller == threading.get_ident()
        done = self._pending.acquire(timeout=0.0 if is_own else seconds)
        if done:
            self._pending.release()
        return done


def _can_answer(thread: threading.Thread | None) -> bool:
    """Return whether a thread runs, and this is another one."""
    return thread is not None and thread.is_alive() and thread is not threading.current_thread()


def _nothing() -> None:
    """Do nothing, before the thread ends."""
