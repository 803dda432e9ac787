"""SIGTERM while a job runs: it becomes an exception, so that the end of the run is reported."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

from vitalspan.jobs.outcome import Terminated
from vitalspan.runtime import sigterm


class Termination:
    """Turns SIGTERM into `SystemExit(143)` between `begin` and `end`.

    A program that has a handler of its own keeps it, and only the main thread can have handlers.

    Attributes:
        received: the signal that came before `defer`, if any.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._installed = False
        self._before: Any = signal.SIG_DFL
        self._deferred = False
        self._waiting: int | None = None

    def begin(self) -> None:
        """Start listening for the signal."""
        main = threading.current_thread() is threading.main_thread()
        before = signal.getsignal(signal.SIGTERM)
        if main and (before is signal.SIG_DFL or before is sigterm.handle):
            self._before = before
            signal.signal(signal.SIGTERM, self._handle)
            self._installed = True

    def defer(self) -> None:
        """From now on, only note the signal: the end of a run is reported in any case."""
        self._deferred = True

    def end(self) -> None:
        """Let the signal have the effect that it had before.

        Raises:
            Terminated: if it came since `defer`.
        """
        if self._installed and threading.current_thread() is threading.main_thread():
            self._installed = False
            signal.signal(signal.SIGTERM, self._before)
            if self._waiting is not None:
                raise Terminated(self._waiting)

    def _handle(self, number: int, _: FrameType | None) -> None:
        if self._deferred:
            self._waiting = number
        elif self.received is None:
            self.received = number
            raise Terminated(number)
