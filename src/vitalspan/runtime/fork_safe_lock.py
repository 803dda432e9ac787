"""A reentrant lock that is free in a forked child."""

from __future__ import annotations

import os
import threading
from operator import attrgetter


class ForkSafeLock:
    """A lock that its thread may acquire again, and that `reset` frees in a forked child.

    A thread that held it at the fork does not exist in the child and would never release it. An
    exception that a signal handler raises at any point of a `with` statement leaves it free.
    """

    def __init__(self) -> None:
        self._process = os.getpid()
        self._lock = threading.RLock()

    @property
    def is_held_here(self) -> bool:
        """Whether the thread that asks holds it."""
        held: bool = self._lock._is_owned()  # type: ignore[attr-defined] # noqa: SLF001 - as conditions do
        return held

    @property
    def current(self) -> threading.RLock:
        """The lock itself."""
        return self._lock

    def __enter__(self) -> None:
        # Signal handlers run when a function is called, and could raise before the `with` statement
        # knows that the lock is held. This acquires it without calling a function of Python.
        [_] = map(self._lock.acquire, (True,))

    # A function of Python in its place could be interrupted before it releases anything.
    __exit__ = property(attrgetter("_lock.__exit__"))

    def reset(self) -> bool:
        """Start over in a forked child; return whether this process is one.

        In the process that created the lock, nothing changes.
        """
        forked = self._process != os.getpid()
        if forked:
            self._process = os.getpid()
            self._lock = threading.RLock()
        return forked
