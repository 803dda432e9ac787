"""The lock under which calls are counted. No caller waits for it for long."""

from __future__ import annotations

import threading
from typing import Final

from vitalspan.runtime.locks import acquire

PATIENCE: Final = 0.05
"""Seconds that a caller waits at most, so that there can be no deadlock."""

LOST: Final = 5.0
"""Total seconds of waiting in vain, over all threads, after which a lock counts as lost."""


class FoldLock:
    """A lock that is replaced when no thread can get it any more.

    An exception in a signal handler may have left it locked. It is released with two statements
    instead of a method, because a handler could raise on the way into a function:

        finally:
            fold_lock.holder = 0
            lock.release()

    Attributes:
        current: the lock itself.
        holder: the id of the thread that has the lock; 0 if there is none.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Start over, with a lock that no other thread can hold."""
        self.current = threading.Lock()
        self.holder = 0
        self._waited = 0.0

    def locked(self) -> bool:
        """Return whether the lock is held."""
        return self.current.locked()

    def enter(self, seconds: float = 0.0) -> threading.Lock | None:
        """Acquire and return the lock; None if another thread, or this one, holds it for too long.

        Args:
            seconds: how long to wait; 0 only tries.
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
