"""The shared parts of a monitor's sessions: a lock, and the history of closed sessions."""

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
"""The number of closed sessions to keep."""

_PATIENCE: Final = 1.0
"""Seconds to wait for a thread that is counting."""


class SessionTable:
    """The lock under which sessions are counted, and the latest closed sessions.

    Args:
        recorder: the operations of this process.

    Attributes:
        recorder: the operations of this process.
        history: the statistics of closed sessions, the latest last.
        unstored: the closed sessions that are not in a store yet.
    """

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.history: deque[SessionStatistics] = deque(maxlen=MAX_HISTORY)
        self.unstored: deque[SessionStatistics] = deque(maxlen=MAX_HISTORY)
        self._lock = threading.Lock()

    def add(self, session: SessionStatistics) -> None:
        """Add the statistics of a closed session."""
        self.history.append(session)
        self.unstored.append(session)

    @contextmanager
    def locked(self, patience: float = _PATIENCE) -> Iterator[bool]:
        """Keep other threads from counting during the block.

        Args:
            patience: the seconds to wait for a thread that is counting; 0 only tries.

        Yields:
            Whether that was possible. Code that interrupts a count, for example in a signal
            handler, cannot wait for its end, and sees the previous counts.
        """
        lock = self._lock
        locked = acquire(lock, patience)
        try:
            yield locked
        finally:
            if locked:
                lock.release()

    def reset(self) -> None:
        """Start over, with a lock that no other thread can hold."""
        self._lock = threading.Lock()
        self.history.clear()
        self.unstored.clear()
