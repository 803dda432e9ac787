"""The inbox of a selector loop: what other threads hand to it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import deque
from collections.abc import Iterator

from vitalspan.serve.connection import Connection


class Inbox:
    """Connections whose responses are made, and more of streams, from any thread.

    A selector can wait for it: whatever is put in makes it ready to be read.
    """

    def __init__(self) -> None:
        self._returned: deque[Connection] = deque()
        self._pushed: deque[tuple[Connection, bytes]] = deque()
        self._lock = threading.Lock()
        self._ended = False
        self._reader = 0
        self._woken, self._waker = socket.socketpair()
        for end in (self._woken, self._waker):
            end.settimeout(0)

    def fileno(self) -> int:
        """Return the file descriptor, as a selector asks for it."""
        return self._woken.fileno()

    def __bool__(self) -> bool:
        return bool(self._returned or self._pushed)

    def __contains__(self, connection: Connection) -> bool:
        return connection in self._returned

    def put_back(self, connection: Connection) -> bool:
        """Give a connection back; return False where nobody takes it any more."""
        with self._lock:
            if not self._ended:
                self._returned.append(connection)
            return not self._ended

    def push(self, connection: Connection, data: bytes) -> None:
        """Hand over more of a stream, and wake the loop."""
        self._pushed.append((connection, data))
        self.wake()

    def wake(self) -> None:
        """Wake the loop, unless it is in this very thread."""
        if threading.get_ident() == self._reader:
            return
        # A full pipe wakes as well, and a closed one belongs to a loop that has ended.
        with contextlib.suppress(OSError):
            self._waker.send(b"\0")

    def read_here(self) -> None:
        """Take this thread for the one that reads, and need not be woken."""
        self._reader = threading.get_ident()

    def drain(self) -> None:
        """Forget that it was woken."""
        with contextlib.suppress(BlockingIOError):
            self._woken.recv(4096)

    def returned(self) -> Iterator[Connection]:
        """Take out the connections that are here now."""
        for _ in range(len(self._returned)):
            yield self._returned.popleft()

    def pushed(self) -> Iterator[tuple[Connection, bytes]]:
        """Take out what has come of streams until now."""
        for _ in range(len(self._pushed)):
            yield self._pushed.popleft()

    def end(self) -> None:
        """Take no connections from now on."""
        with self._lock:
            self._ended = True

    def end_in_child(self) -> None:
        """Take nothing from now on in a forked child, where any thread may have held the lock."""
        self._lock = threading.Lock()
        self._ended = True

    def close(self) -> None:
        """Close what it is woken through."""
        self._woken.close()
        self._waker.close()
