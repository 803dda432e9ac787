"""The connections that wait in a selector, with their deadlines."""

from __future__ import annotations

import selectors
from collections.abc import Iterator
from typing import Final

from vitalspan.serve.connection import Connection, State

NEVER: Final = float("inf")


class HeldConnections:
    """The connections that wait in a selector, the one that has been silent longest first.

    Args:
        selector: the selector that they wait in.

    Attributes:
        next_deadline: no connection times out before this time; infinite without any connections.
    """

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self._selector = selector
        # The file descriptor of each connection, and the events that it waits for.
        self._held: dict[Connection, tuple[int, int]] = {}
        self.next_deadline = NEVER

    def __contains__(self, connection: Connection) -> bool:
        return connection in self._held

    def __iter__(self) -> Iterator[Connection]:
        return iter(self._held)

    def hold(self, connection: Connection) -> None:
        """Let a connection wait for its events, and count it as the one that was active last."""
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
        """Remove a connection if it is held."""
        fd, registered = self._held.pop(connection, (-1, 0))
        if registered:
            self._selector.unregister(fd)

    def longest_silent(self) -> Connection | None:
        """Return the connection that has been silent longest; None if all are taking responses."""
        silent = (held for held in self._held if held.state is not State.SENDING)
        return next(silent, None)

    def overdue(self, now: float) -> list[Connection]:
        """Return the connections whose deadlines have passed."""
        return [held for held in self._held if held.deadline <= now]

    def find_next_deadline(self) -> None:
        """Recompute the earliest deadline."""
        self.next_deadline = min((held.deadline for held in self._held), default=NEVER)
