"""A reentrant lock that is free in a forked child."""

from __future__ import annotations

import os
import threading


class ForkSafeLock:
    """A lock that its thread may acquire again, and that `reset` frees in a forked child.

    A thread that held it at the fork does not exist in the child and would never release it.
    """

    def __init__(self) -> None:
        self._process = os.getpid()
        self._lock = threading.RLock()
        self._holder = 0
        self._depth = 0

    @property
    def is_held_here(self) -> bool:
        """Whether the thread that asks holds it."""
        return self._holder == threading.get_ident()

    def acquire(self, *, blocking: bool = True) -> bool:
        """Take it, and return whether that was possible."""
        taken = self._lock.acquire(blocking)
        if taken:
            self._holder = threading.get_ident()
            self._depth += 1
        return taken

    def release(self) -> None:
        """Give it back, which is as often as it was taken."""
        self._depth -= 1
        if not self._depth:
            self._holder = 0
        self._lock.release()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, exc_type: object, exc: BaseException | None, traceback: object) -> None:
        self.release()

    def reset(self) -> bool:
        """Start over in a forked child; return whether this process is one.

        In the process that created the lock, nothing changes.
        """
        forked = self._process != os.getpid()
        if forked:
            self._process = os.getpid()
            self._lock = threading.RLock()
            self._holder = self._depth = 0
        return forked
