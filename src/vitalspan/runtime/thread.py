"""A daemon thread that is started when there is work, and restarted if it has ended."""

from __future__ import annotations

import threading
from collections.abc import Callable

from vitalspan.runtime.internal_errors import logger


class Worker:
    """Starts a thread on demand, never two at a time. The caller holds a lock.

    Args:
        name: the name of the thread.
        work: the function that the thread runs.
    """

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        self._name = name
        self._work = work
        self._thread: threading.Thread | None = None

    def ensure(self) -> None:
        """Start the thread unless it is running."""
        if self._thread is not None and self._thread.is_alive():
            return
        thread = threading.Thread(target=self._work, name=self._name, daemon=True)
        try:
            thread.start()
        except RuntimeError as refused:
            # No thread can be started, or the interpreter is exiting: it may work next time.
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
