"""The connections that wait in a selector, and their deadlines."""

from __future__ import annotations

import selectors
from collections.abc import Iterator
from typing import Final

from vitalspan.serve.connection import Connection, State

NEVER: Final = float("inf")


class HeldConnections:
    """The connections in a selector, the one that was silent longest first.

    Args:
        selector: that they wait in.

    Attributes:
        next_deadline: a time until which none of them has taken too long; infinite without any.
    """

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self._selector = selector
        # The file descriptor of each, and what it waits for.
        self._held: dict[Connection, tuple[int, int]] = {}
        self.next_deadline = NEVER

    def __contains__(self, connection: Connection) -> bool:
        return connection in self._held

    def __iter__(self) -> Iterator[Connection]:
        return iter(self._held)

    def hold(self, connection: Connection) -> None:
        """Let a connection wait for its events, as the one that was heard of last."""
        fd, registered = self._held.pop(connection, (-1, 0))
        events = connection.events
        if not registered:
            fd = connection.fileno()
            self._selector.register(fd, events, connection)
        elif events != registered:
            self._selector.modify(fd, events, connection)
        self._held[connection] = (fd, events)
        self.next_deadline = min(self.next_deadline, connection.deadline)

    def release(self, connection: Connection) -> None:
        """Take a connection out, where it is in."""
        fd, registered = self._held.pop(connection, (-1, 0))
        if registered:
            self._selector.unregister(fd)

    def longest_silent(self) -> Connection | None:
        """Return the connection that has been silent longest, None where all take responses."""
        silent = (held for held in self._held if held.state is not State.SENDING)
        return next(silent, None)

    def overdue(self, now: float) -> list[Connection]:
        """Return the connections that have taken too long."""
        return [held for held in self._held if held.deadline <= now]

    def find_next_deadline(self) -> None:
        """Find out anew when the next of them will have taken too long."""
        self.next_deadline = min((held.deadline for held in self._held), default=NEVER)
