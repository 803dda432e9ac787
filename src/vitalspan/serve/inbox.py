"""The inbox of a selector loop, which other threads put their results into."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import deque
from collections.abc import Iterator

from vitalspan.serve.connection import Connection


class Inbox:
    """Holds connections whose responses are made, and further parts of streams, from any thread.

    A selector can wait for it: putting something in makes its file descriptor readable.
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
        """Return the file descriptor, as selectors require."""
        return self._woken.fileno()

    def __bool__(self) -> bool:
        return bool(self._returned or self._pushed)

    def __contains__(self, connection: Connection) -> bool:
        return connection in self._returned

    def put_back(self, connection: Connection) -> bool:
        """Give a connection back; return False if the loop has ended."""
        with self._lock:
            if not self._ended:
                self._returned.append(connection)
            return not self._ended

    def push(self, connection: Connection, data: bytes) -> None:
        """Hand over more of a stream, and wake the loop."""
        self._pushed.append((connection, data))
        self.wake()

    def wake(self) -> None:
        """Wake the loop, unless this is the loop's own thread."""
        if threading.get_ident() == self._reader:
            return
        # If the pipe is full, the loop will wake anyway; if it is closed, the loop has ended.
        with contextlib.suppress(OSError):
            self._waker.send(b"\0")

    def read_here(self) -> None:
        """Declare this thread the reader, which need not be woken."""
        self._reader = threading.get_ident()

    def drain(self) -> None:
        """Clear the wake-up signal."""
        with contextlib.suppress(BlockingIOError):
            self._woken.recv(4096)

    def returned(self) -> Iterator[Connection]:
        """Remove and return the connections that have been given back."""
        for _ in range(len(self._returned)):
            yield self._returned.popleft()

    def pushed(self) -> Iterator[tuple[Connection, bytes]]:
        """Remove and return the parts of streams that have been pushed."""
        for _ in range(len(self._pushed)):
            yield self._pushed.popleft()

    def end(self) -> None:
        """Accept no more connections."""
        with self._lock:
            self._ended = True

    def end_in_child(self) -> None:
        """Accept nothing more in a forked child, where any thread may have held the lock."""
        self._lock = threading.Lock()
        self._ended = True

    def close(self) -> None:
        """Close the pipe that wakes the loop."""
        self._woken.close()
        self._waker.close()
