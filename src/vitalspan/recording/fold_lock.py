"""The lock under which calls are counted, for which no caller waits long."""

from __future__ import annotations

import threading
from typing import Final

from vitalspan.runtime.locks import acquire

PATIENCE: Final = 0.05
"""Seconds that a caller waits at most, so that no deadlock can come of it."""

LOST: Final = 5.0
"""Seconds of waiting in vain, by all threads together, after which a lock is taken for lost."""


class FoldLock:
    """A lock that is replaced once nobody gets it any more.

    An exception that a signal handler raised may have left it taken. Whoever has entered leaves by
    two statements, since a handler could raise on the way into a function:

        finally:
            fold_lock.holder = 0
            lock.release()

    Attributes:
        current: the lock itself.
        holder: the thread that has taken it; 0 is none.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin anew, with a lock that no other thread can hold."""
        self.current = threading.Lock()
        self.holder = 0
        self._waited = 0.0

    def locked(self) -> bool:
        """Return whether it is taken."""
        return self.current.locked()

    def enter(self, seconds: float = 0.0) -> threading.Lock | None:
        """Return the lock, taken, or None where another or this very thread keeps it so long.

        Args:
            seconds: to wait for it; 0 only tries.
        """
        lock, thread = self.current, threading.get_ident()
        interrupted = thread == self.holder
        if not interrupted and acquire(lock, seconds):
            self.holder = thread
            self._waited = 0.0
            return lock
        self._waited += PATIENCE if interrupted else seconds
        if self._waited > LOST:
            self.reset()
        return None
