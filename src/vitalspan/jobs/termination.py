"""Turns SIGTERM during a job into an exception, so that the end of the run is reported."""

from __future__ import annotations

import signal
import threading
from contextlib import suppress
from types import FrameType
from typing import Any, Final

from vitalspan.jobs.outcome import Terminated
from vitalspan.runtime import sigterm


class Termination:
    """Turns SIGTERM into `SystemExit(143)` between `begin` and `end`.

    A program's own handler is kept, and only the main thread can have handlers. Runs that overlap,
    as in tasks, share one handler.

    Attributes:
        received: the signal that arrived before `defer`, if any.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._deferred = False
        self._waiting: int | None = None

    def begin(self) -> None:
        """Start handling the signal."""
        if threading.current_thread() is not threading.main_thread():
            return
        before = signal.getsignal(signal.SIGTERM)
        if before is signal.SIG_DFL or before is sigterm.handle:
            _before[0] = before
            signal.signal(signal.SIGTERM, _handle)
        elif before is not _handle:
            return
        _active.append(self)

    def defer(self) -> None:
        """From now on, only record the signal, because the end of a run is always reported."""
        self._deferred = True

    def end(self) -> None:
        """Restore the previous effect of the signal after the last run.

        Raises:
            Terminated: if the signal arrived since `defer`.
        """
        with suppress(ValueError):
            _active.remove(self)
        if threading.current_thread() is threading.main_thread():
            if not _active and signal.getsignal(signal.SIGTERM) is _handle:
                signal.signal(signal.SIGTERM, _before[0])
            if self._waiting is not None:
                raise Terminated(self._waiting)


_active: Final[list[Termination]] = []
"""The runs that have begun in the main thread and have not ended, in this order."""

_before: Final[list[Any]] = [signal.SIG_DFL]
"""The handler that is restored after the last of them."""


def _handle(number: int, _: FrameType | None) -> None:
    if not _active:
        # The last run has ended in another thread, which cannot restore the handler.
        signal.signal(number, _before[0])
        signal.raise_signal(number)
        return
    for run in reversed(_active):
        if run._deferred:  # noqa: SLF001 - of the same module
            run._waiting = number  # noqa: SLF001
            return
    first = [run for run in _active if run.received is None]
    for run in first:
        run.received = number
    if first:
        raise Terminated(number)
