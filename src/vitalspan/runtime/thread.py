"""A daemon thread that starts when there is work, and starts again if it has ended."""

from __future__ import annotations

import threading
from collections.abc import Callable

from vitalspan.runtime.internal_errors import logger


class Worker:
    """Starts a thread at need; never two at a time. The caller holds a lock.

    Args:
        name: of the thread.
        work: what it does until it ends.
    """

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        self._name = name
        self._work = work
        self._thread: threading.Thread | None = None

    def ensure(self) -> None:
        """Start the thread unless it runs."""
        if self._thread is not None and self._thread.is_alive():
            return
        thread = threading.Thread(target=self._work, name=self._name, daemon=True)
        try:
            thread.start()
        except RuntimeError as refused:
            # The system gives out no more threads, or the interpreter ends: perhaps next time.
            logger.debug("%s could not be started: %s", self._name, refused)
            return
        self._thread = thread

    def join(self, seconds: float) -> bool:
        """Wait for the thread to end; return whether it has. The thread itself does not wait."""
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return True
        thread.join(max(0.0, seconds))
        return not thread.is_alive()
