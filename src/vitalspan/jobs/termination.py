"""Turns SIGTERM during a job into an exception, so that the end of the run is reported."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

from vitalspan.jobs.outcome import Terminated
from vitalspan.runtime import sigterm


class Termination:
    """Turns SIGTERM into `SystemExit(143)` between `begin` and `end`.

    A program's own handler is kept, and only the main thread can have handlers.

    Attributes:
        received: the signal that arrived after `defer`, if any.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._installed = False
        self._before: Any = signal.SIG_DFL
        self._deferred = False
        self._waiting: int | None = None

    def begin(self) -> None:
        """Start handling the signal."""
        main = threading.current_thread() is threading.main_thread()
        before = signal.getsignal(signal.SIGTERM)
        if main and (before is signal.SIG_DFL or before is sigterm.handle):
            self._before = before
            signal.signal(signal.SIGTERM, self._handle)
            self._installed = True

    def defer(self) -> None:
        """From now on, only record the signal, because the end of a run is always reported."""
        self._deferred = True

    def end(self) -> None:
        """Restore the previous effect of the signal.

        Raises:
            Terminated: if the signal arrived since `defer`.
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
