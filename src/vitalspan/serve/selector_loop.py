"""The selector loop: one thread for every connection that no worker thread is busy with.

A connection that is idle or slow takes a socket but no thread.
"""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from vitalspan.serve.connection import Connection, State, Timeouts
from vitalspan.serve.held_connections import NEVER, HeldConnections
from vitalspan.serve.inbox import Inbox
from vitalspan.serve.messages import Request, Response
from vitalspan.serve.refusal import refuse

if TYPE_CHECKING:
    from vitalspan.serve.web_config.tls import TLS

WhenSent = Callable[[], None]
Respond = Callable[[Response, WhenSent | None], None]

CLOSE_SECONDS: Final = 1.0
"""Seconds that pending responses may take once the loop is told to stop."""

_ACCEPTS_IN_A_ROW: Final = 64
_RETRY_SECONDS: Final = 0.05

_log = logging.getLogger(__name__)


class SelectorLoop:
    """Accepts connections, reads requests, sends the rest of responses, and enforces deadlines.

    Args:
        listener: the listening socket, which is non-blocking. The loop closes it in the end.
        tls: returns the TLS settings for a new connection; None for plain HTTP.
        handle: called with each complete request and a function for its response, which any thread
            may call once. It runs in the loop, so it must not block.
        timeouts: the time limits for clients.
        max_connections: how many may be open at a time. For one more, the connection that has been
            silent longest is closed; if none is silent, the new one gets a 503.
        now: a steady clock in seconds.
    """

    def __init__(
        self,
        listener: socket.socket,
        *,
        tls: Callable[[], TLS | None],
        handle: Callable[[Request, Respond], None],
        timeouts: Timeouts,
        max_connections: int,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._listener = listener
        self._tls = tls
        self._handle = handle
        self._timeouts = timeouts
        self._max_connections = max_connections
        self._now = now
        self._connections: set[Connection] = set()
        # Other threads put responses and further parts of streams into it.
        self._inbox = Inbox()
        self._stopping = threading.Event()
        self._selector = selectors.DefaultSelector()
        self._held = HeldConnections(self._selector)
        self._selector.register(self._inbox, selectors.EVENT_READ)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._accepts_again = NEVER

    @property
    def connection_count(self) -> int:
        """The number of open connections, including those whose response is being made."""
        return len(self._connections)

    @property
    def stopping(self) -> bool:
        """True once the loop has been told to stop."""
        return self._stopping.is_set()

    def run(self) -> None:
        """Serve until told to stop, then give pending responses a second to finish."""
        try:
            while not self.stopping:
                self._step_safely()
            self._stop_listening()
            deadline = self._now() + CLOSE_SECONDS
            while self._connections and (left := deadline - self._now()) > 0:
                self.step(left)
        finally:
            self.close()

    def stop(self) -> None:
        """Tell the loop to stop, from any thread."""
        self._stopping.set()
        self._inbox.wake()

    def step(self, most: float = NEVER) -> None:
        """Wait until something happens, and handle everything that has happened.

        Args:
            most: the longest time to wait, in seconds.
        """
        self._inbox.read_here()
        accepting = False
        for key, _ in self._selector.select(self._patience(most)):
            if isinstance(key.data, Connection):
                self._proceed(key.data)
            elif key.fileobj is self._listener:
                accepting = True
            else:
                self._inbox.drain()
        # Read requests and returned connections count, before others are closed to make room.
        self._take_back()
        self._push_out()
        if accepting:
            self._accept()
            self._take_back()
        self._keep_deadlines()

    def _take_back(self) -> None:
        """Proceed with the connections whose responses have been made."""
        for connection in self._inbox.returned():
            self._proceed(connection)

    def _push_out(self) -> None:
        """Send the further parts of streams that have arrived."""
        for connection, data in self._inbox.pushed():
            if connection in self._held:
                connection.push(data, self._now())
                self._place(connection)

    def close(self) -> None:
        """Close everything at once; later responses are dropped."""
        self._inbox.end()
        for connection in self._connections:
            if connection in self._held or connection in self._inbox:
                connection.close()
            else:
                # A worker thread uses it, and closes it when the response is made.
                connection.abort()
        for opened in (self._listener, self._selector, self._inbox):
            opened.close()

    def reset(self) -> None:
        """Close everything in a forked child, because the sockets belong to its parent."""
        self._inbox.end_in_child()
        self._stopping.set()
        for connection in self._connections:
            connection.close_in_child()
        for opened in (self._listener, self._selector, self._inbox):
            opened.close()
        self._connections.clear()

    def _step_safely(self) -> None:
        try:
            self.step()
        except Exception:  # noqa: BLE001 - all connections depend on it
            _log.exception("the HTTP server continues after an internal error")
            self._stopping.wait(_RETRY_SECONDS)

    def _patience(self, most: float) -> float | None:
        if self._inbox:
            return 0.0
        until = min(self._held.next_deadline, self._accepts_again)
        patience = min(most, max(0.0, until - self._now()))
        return None if patience == NEVER else patience

    def _accept(self) -> None:
        for _ in range(_ACCEPTS_IN_A_ROW):
            try:
                sock, _ = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                _log.debug("a connection was not accepted: %s", error)
                # Usually there are no file descriptors left. The listener stays readable, so do not
                # spin.
                if not self._close_silent():
                    self._selector.unregister(self._listener)
                    self._accepts_again = self._now() + _RETRY_SECONDS
                    return
            else:
                self._admit(sock)

    def _admit(self, sock: socket.socket) -> None:
        if len(self._connections) >= self._max_connections:
            # Connections that were answered since the last step count as silent as well.
            self._take_back()
        full = len(self._connections) >= self._max_connections
        if full:
            # One that was accepted just now may have been answered already.
            self._take_back()
        if full and not self._close_silent():
            refuse(sock, secured=self._tls() is not None)
            return
        try:
            connection = Connection(sock, self._timeouts, self._now(), self._tls())
        except (OSError, ValueError) as error:
            _log.debug("a connection broke: %s", error)
            sock.close()
            return
        self._connections.add(connection)
        self._proceed(connection)

    def _close_silent(self) -> bool:
        """Close the connection that has been silent longest; return whether there was one."""
        connection = self._held.longest_silent()
        if connection is None:
            return False
        connection.close()
        self._place(connection)
        return True

    def _proceed(self, connection: Connection) -> None:
        """Continue with a connection."""
        if connection.state is State.READING and self.stopping:
            connection.close()
        connection.proceed(self._now())
        self._place(connection)

    def _place(self, connection: Connection) -> None:
        """Move a connection to where its state belongs: the selector, `handle`, or nowhere."""
        state = connection.state
        if state is State.ANSWERING:
            self._held.release(connection)
            self._hand_over(connection)
        elif state is State.CLOSED:
            self._held.release(connection)
            self._connections.discard(connection)
        else:
            self._held.hold(connection)

    def _hand_over(self, connection: Connection) -> None:
        """Have the request of a connection handled."""
        try:
            self._handle(connection.request, partial(self._respond, connection))
        except BaseException:
            connection.close()
            self._connections.discard(connection)
            raise

    def _keep_deadlines(self) -> None:
        now = self._now()
        if now >= self._accepts_again:
            self._accepts_again = NEVER
            self._selector.register(self._listener, selectors.EVENT_READ)
        if now < self._held.next_deadline:
            return
        for connection in self._held.overdue(now):
            connection.time_out(now)
            self._place(connection)
        self._held.find_next_deadline()

    def _respond(
        self, connection: Connection, response: Response, when_sent: WhenSent | None
    ) -> None:
        """Send a response, from any thread; the loop sends what the socket does not take yet."""
        keep_alive = not self.stopping
        try:
            connection.respond(response, self._now(), keep_alive=keep_alive, when_sent=when_sent)
        except Exception:  # noqa: BLE001 - no connection may be left behind
            _log.exception("a response could not be sent")
            connection.close()
        if not self._inbox.put_back(connection):
            connection.close()
            return
        if response.begin_stream is not None:
            # From here on, because nothing may be pushed before the connection is back.
            response.begin_stream(partial(self._inbox.push, connection))
        self._inbox.wake()

    def _stop_listening(self) -> None:
        """Close the port, and every connection whose response is not being made."""
        self._accepts_again = NEVER
        with contextlib.suppress(KeyError):
            self._selector.unregister(self._listener)
        self._listener.close()
        for connection in list(self._held):
            if connection.state in {State.HANDSHAKE, State.READING, State.STREAMING}:
                connection.close()
                self._place(connection)
