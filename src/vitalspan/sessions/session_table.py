"""The common parts of a monitor's sessions: a lock, and the history of those that are closed."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from vitalspan.recording.recorder import Recorder
from vitalspan.runtime.locks import acquire
from vitalspan.sessions.session_statistics import SessionStatistics

MAX_HISTORY: Final = 100
"""Closed sessions that are kept."""

_PATIENCE: Final = 1.0
"""Seconds that somebody waits for a thread that is counting."""


class SessionTable:
    """The lock under which sessions are counted, and the latest closed sessions.

    Args:
        recorder: the operations of this process.

    Attributes:
        recorder: the same.
        history: the figures of closed sessions, the latest last.
        unstored: those of them that are in no store.
    """

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.history: deque[SessionStatistics] = deque(maxlen=MAX_HISTORY)
        self.unstored: deque[SessionStatistics] = deque(maxlen=MAX_HISTORY)
        self._lock = threading.Lock()

    def add(self, session: SessionStatistics) -> None:
        """Keep the figures of a session that was closed."""
        self.history.append(session)
        self.unstored.append(session)

    @contextmanager
    def locked(self, patience: float = _PATIENCE) -> Iterator[bool]:
        """Let nobody count meanwhile.

        Args:
            patience: the seconds to wait for whoever is counting; 0 only tries.

        Yields:
            Whether that is so. Whoever has interrupted a count, in a signal handler say, cannot
            wait for its end, and sees what was before it.
        """
        lock = self._lock
        locked = acquire(lock, patience)
        try:
            yield locked
        finally:
            if locked:
                lock.release()

    def reset(self) -> None:
        """Begin anew, with a lock that no other thread can hold."""
        self._lock = threading.Lock()
        self.history.clear()
        self.unstored.clear()
