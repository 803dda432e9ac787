"""A time limit for databases whose drivers would wait for an answer without one."""

from __future__ import annotations

import os
import socket
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import sqlalchemy as sa


class ConnectionLimit:
    """Ends the connections of an engine while an operation on them takes too long.

    Limits that a server enforces are of no use if the server is stopped, or if the network or a
    proxy in between is silent.

    Args:
        engine: the engine; drivers without a `fileno` of their connections are left alone.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._lock = threading.Lock()
        self._connections: list[weakref.ref[Any]] = []
        sa.event.listen(engine, "connect", self._note)

    @contextmanager
    def of(self, seconds: float) -> Iterator[threading.Event]:
        """Limit the time of what happens in the block.

        Args:
            seconds: the limit.

        Yields:
            An event that is set once the connections were ended.
        """
        overdue = threading.Event()
        timer = threading.Timer(seconds, self._end, (overdue,))
        timer.daemon = True
        # If no thread can be started, or the interpreter is exiting, there is no limit.
        with suppress(RuntimeError):
            timer.start()
        try:
            yield overdue
        finally:
            timer.cancel()

    def _note(self, connection: Any, _: object) -> None:
        if not hasattr(connection, "fileno"):
            return
        with self._lock:
            living = [one for one in self._connections if one() is not None]
            self._connections = [*living, weakref.ref(connection)]

    def _end(self, overdue: threading.Event) -> None:
        overdue.set()
        with self._lock:
            connections = list(self._connections)
        for reference in connections:
            connection: Any = reference()
            # It may be gone, and drivers raise errors of their own for one that is closed.
            with suppress(Exception):
                _shut_down(connection.fileno())


def _shut_down(file: int) -> None:
    """Make a thread that waits for a socket read its end."""
    with socket.socket(fileno=os.dup(file)) as shared:
        shared.shutdown(socket.SHUT_RDWR)
