"""A reentrant lock that is free in a forked child."""

from __future__ import annotations

import os
import threading
from types import TracebackType


class ForkSafeLock:
    """A lock that its thread may take again, and that `reset` frees in a forked child.

    A thread that held it at the fork does not exist in the child and would never release it.
    """

    def __init__(self) -> None:
        self._process = os.getpid()
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._lock.release()

    def reset(self) -> bool:
        """Begin anew in a forked child; return whether this process is one.

        In the process that made the lock, nothing changes.
        """
        forked = self._process != os.getpid()
        if forked:
            self._process = os.getpid()
            self._lock = threading.RLock()
        return forked
