"""Starts and stops tracemalloc, and leaves it as it was found."""

from __future__ import annotations

import tracemalloc
from typing import Final

from vitalspan.runtime import fork
from vitalspan.runtime.fork_safe_lock import ForkSafeLock


class _Tracing:
    """Keeps tracemalloc running as long as it is needed.

    If the program has started it, it keeps running. If it was started here, it is stopped when
    nobody needs it any more.
    """

    def __init__(self) -> None:
        self._lock = ForkSafeLock()
        self._users = 0
        self._ours = False

    def reset(self) -> None:
        """Start over in a forked child, with a lock that no other thread can hold."""
        self._lock.reset()

    def begin(self, frames: int) -> bool:
        """Start tracemalloc unless it is running; return whether it was started."""
        fork.reset_in_child(self)
        with self._lock:
            started = not tracemalloc.is_tracing()
            if started:
                tracemalloc.start(frames)
                self._ours = True
            self._users += 1
            return started

    def end(self) -> None:
        """Stop tracemalloc if it was started here and nobody else needs it."""
        with self._lock:
            self._users -= 1
            if self._ours and self._users == 0:
                tracemalloc.stop()
                self._ours = False

    def switch_on(self, frames: int) -> None:
        """Start tracemalloc for the program, which has to stop it itself."""
        fork.reset_in_child(self)
        with self._lock:
            self._ours = False
            if not tracemalloc.is_tracing():
                tracemalloc.start(frames)

    def switch_off(self) -> None:
        """Stop tracemalloc, whoever has started it."""
        with self._lock:
            self._ours = False
            tracemalloc.stop()


tracing: Final = _Tracing()
