"""The last tick of a process, so that nothing is lost that happened since the tick before."""

from __future__ import annotations

import weakref

from vitalspan.runtime import sigterm
from vitalspan.runtime.process_end import ProcessEnd
from vitalspan.runtime.ticker import Ticker


class LastTick:
    """Ticks when the process ends: at exit, after the work of a child, and on SIGTERM.

    Args:
        ticker: ticks then if its thread is running. It may be dropped earlier.
    """

    def __init__(self, ticker: Ticker) -> None:
        self._ticker = weakref.ref(ticker)
        self._process_end = ProcessEnd(self.run)
        sigterm.watch(self)

    def run(self) -> None:
        """Tick, if the thread that ticks is running."""
        ticker = self._ticker()
        if ticker is not None and ticker.running:
            ticker.tick()

    def finish(self, *, ending: bool) -> None:  # noqa: ARG002 - the same in both cases
        """Tick, because the process ends; see `vitalspan.runtime.sigterm`."""
        self.run()

    def close(self) -> None:
        """Do not tick when the process ends."""
        self._process_end.close()
        sigterm.forget(self)
