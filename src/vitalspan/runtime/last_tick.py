"""The last tick of a process, so that nothing is lost that happened since the tick before."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Final

from vitalspan.runtime import sigterm
from vitalspan.runtime.internal_errors import logger
from vitalspan.runtime.process_end import ProcessEnd
from vitalspan.runtime.ticker import Ticker

PATIENCE: Final = 10.0
"""Seconds that the end of a process or of a monitor waits for the last tick."""


class LastTick:
    """Ticks when the process ends: at exit, after the work of a child, and on SIGTERM.

    The thread that ticks does this, and the process waits for it up to a limit: a collector or a
    database may hang.

    Args:
        ticker: ticks then if its thread is running. It may be dropped earlier.
    """

    def __init__(self, ticker: Ticker) -> None:
        self._ticker = weakref.ref(ticker)
        self._gave_up = False
        self._process_end = ProcessEnd(self.run)
        sigterm.watch(self)

    def run(self) -> None:
        """Tick, if the thread that ticks is running."""
        ticker = self._ticker()
        if ticker is None or self._gave_up:
            return
        if not ticker.tick_soon(PATIENCE):
            self._gave_up = True
            _warn()

    def finish(self, *, ending: bool) -> None:  # noqa: ARG002 - the same in both cases
        """Tick, because the process ends; see `vitalspan.runtime.sigterm`."""
        self.run()

    def close(self) -> None:
        """Do not tick when the process ends."""
        self._process_end.close()
        sigterm.forget(self)


def finish(ticker: Ticker, last: Callable[[], object]) -> None:
    """End the thread of a ticker with a call of a function, and wait for it up to the limit.

    Args:
        ticker: the ticker.
        last: the function; it must not raise.
    """
    if not ticker.finish(last, PATIENCE):
        _warn()


def _warn() -> None:
    logger.warning(
        "the last tick takes longer than %g s, so the last calls may not be stored", PATIENCE
    )
