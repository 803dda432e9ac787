"""The selector loop: one thread that holds every connection no worker thread has to work for.

Whoever sends nothing, sends slowly or takes a response slowly costs a socket here, and no thread.
"""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from vitalspan.serve.connection import Connection, State, Timeouts, refuse
from vitalspan.serve.messages import Request, Response

if TYPE_CHECKING:
    from vitalspan.serve.web_config.tls import TLS

WhenSent = Callable[[], None]
Respond = Callable[[Response, WhenSent | None], None]

CLOSE_SECONDS: Final = 1.0
"""How long responses under way may take when the loop is told to stop."""

_ACCEPTS_IN_A_ROW: Final = 64
_RETRY_SECONDS: Final = 0.05
_NEVER: Final = float("inf")

_log = logging.getLogger(__name__)


class SelectorLoop:
    """Accepts connections, reads requests, sends what is left of responses, and keeps deadlines.

    Args:
        listener: the listening socket, which does not block. The loop closes it in the end.
        tls: returns how a new connection is secured; None for plain HTTP.
        handle: is given each whole request and the function that takes its response, which any
            thread may call once. It runs in the loop, so it does not wait.
        timeouts: how long clients may take.
        max_connections: how many are open at a time. For one more, the connection that has been
            silent longest is closed; where none is silent, the new one gets a 503.
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
        # Those in the selector, with what they wait for; the one that was silent longest first.
        self._held: dict[Connection, tuple[int, int]] = {}
        self._next_deadline = _NEVER
        # Responses come from other threads, and with them their connections.
        self._returned: deque[Connection] = deque()
        # More of streams comes from other threads as well.
        self._pushed: deque[tuple[Connection, bytes]] = deque()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._ended = False
        self._thread = 0
        self._selector = selectors.DefaultSelector()
        self._woken, self._waker = socket.socketpair()
        for end in (self._woken, self._waker):
            end.settimeout(0)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._accepts_again = _NEVER

    @property
    def connection_count(self) -> int:
        """The number of open connections, those whose response is being made included."""
        return len(self._connections)

    @property
    def stopping(self) -> bool:
        """True if the loop was told to stop."""
        return self._stopping.is_set()

    def run(self) -> None:
        """Serve until told to stop, then let responses under way be finished, for a second."""
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
        self._wake()

    def step(self, most: float = _NEVER) -> None:
        """Wait until something happens, and see to all that has happened.

        Args:
            most: the longest time to wait, in seconds.
        """
        self._thread = threading.get_ident()
        accepting = False
        for key, _ in self._selector.select(self._patience(most)):
            if isinstance(key.data, Connection):
                self._proceed(key.data)
            elif key.fileobj is self._listener:
                accepting = True
            else:
                with contextlib.suppress(BlockingIOError):
                    self._woken.recv(4096)
        # What has arrived is read, and what was sent is put back, before anything makes room.
        self._take_back()
        self._push_out()
        if accepting:
            self._accept()
            self._take_back()
        self._keep_deadlines()

    def _take_back(self) -> None:
        """Go on with the connections whose responses were made."""
        for _ in range(len(self._returned)):
            self._proceed(self._returned.popleft())

    def _push_out(self) -> None:
        """Send what has come of streams."""
        for _ in range(len(self._pushed)):
            connection, data = self._pushed.popleft()
            if connection in self._held:
                connection.push(data, self._now())
                self._place(connection)

    def close(self) -> None:
        """Close everything at once; responses that come later are dropped."""
        with self._lock:
            self._ended = True
        for connection in self._connections:
            if connection in self._held or connection in self._returned:
                connection.close()
            else:
                # A worker thread has it, and closes it when the response is made.
                connection.abort()
        for opened in (self._listener, self._selector, self._woken, self._waker):
            opened.close()

    def reset(self) -> None:
        """Let go of everything in a forked child: the sockets are its parent's."""
        self._lock = threading.Lock()
        self._ended = True
        self._stopping.set()
        for connection in self._connections:
            connection.close_in_child()
        for opened in (self._listener, self._selector, self._woken, self._waker):
            opened.close()
        self._connections.clear()

    def _step_safely(self) -> None:
        try:
            self.step()
        except Exception:  # noqa: BLE001 - all connections depend on it
            _log.exception("the HTTP server goes on after an internal error")
            self._stopping.wait(_RETRY_SECONDS)

    def _patience(self, most: float) -> float | None:
        if self._returned or self._pushed:
            return 0.0
        until = min(self._next_deadline, self._accepts_again)
        patience = min(most, max(0.0, until - self._now()))
        return None if patience == _NEVER else patience

    def _accept(self) -> None:
        for _ in range(_ACCEPTS_IN_A_ROW):
            try:
                sock, _ = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                _log.debug("a connection was not accepted: %s", error)
                # Out of file descriptors, mostly: the listener stays ready, so do not spin.
                if not self._close_silent():
                    self._selector.unregister(self._listener)
                    self._accepts_again = self._now() + _RETRY_SECONDS
                    return
            else:
                self._admit(sock)

    def _admit(self, sock: socket.socket) -> None:
        if len(self._connections) >= self._max_connections:
            # Connections that were answered since the last step are silent as well.
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
        for connection in self._held:
            if connection.state is not State.SENDING:
                connection.close()
                self._place(connection)
                return True
        return False

    def _proceed(self, connection: Connection) -> None:
        """Let a connection go on."""
        if connection.state is State.READING and self.stopping:
            connection.close()
        connection.proceed(self._now())
        self._place(connection)

    def _place(self, connection: Connection) -> None:
        """Put a connection where its state belongs: into the selector, to `handle`, or away."""
        fd, registered = self._held.pop(connection, (-1, 0))
        state = connection.state
        if state is State.ANSWERING or state is State.CLOSED:
            if registered:
                self._selector.unregister(fd)
            if state is State.CLOSED:
                self._connections.discard(connection)
            else:
                self._hand_over(connection)
            return
        events = connection.events
        if not registered:
            fd = connection.fileno()
            self._selector.register(fd, events, connection)
        elif events != registered:
            self._selector.modify(fd, events, connection)
        self._held[connection] = (fd, events)
        self._next_deadline = min(self._next_deadline, connection.deadline)

    def _hand_over(self, connection: Connection) -> None:
        """Let the request of a connection be handled."""
        try:
            self._handle(connection.request, partial(self._respond, connection))
        except BaseException:
            connection.close()
            self._connections.discard(connection)
            raise

    def _keep_deadlines(self) -> None:
        now = self._now()
        if now >= self._accepts_again:
            self._accepts_again = _NEVER
            self._selector.register(self._listener, selectors.EVENT_READ)
        if now < self._next_deadline:
            return
        for connection in [held for held in self._held if held.deadline <= now]:
            connection.time_out(now)
            self._place(connection)
        self._next_deadline = min((held.deadline for held in self._held), default=_NEVER)

    def _respond(
        self, connection: Connection, response: Response, when_sent: WhenSent | None
    ) -> None:
        """Send a response, from any thread; what the socket does not take at once is sent here."""
        keep_alive = not self.stopping
        try:
            connection.respond(response, self._now(), keep_alive=keep_alive, when_sent=when_sent)
        except Exception:  # noqa: BLE001 - no connection may be left behind
            _log.exception("a response could not be sent")
            connection.close()
        with self._lock:
            ended = self._ended
            if not ended:
                self._returned.append(connection)
        if ended:
            connection.close()
            return
        if response.begin_stream is not None:
            # From here on, since nothing may be pushed before the connection is back.
            response.begin_stream(partial(self._push, connection))
        self._wake()

    def _push(self, connection: Connection, data: bytes) -> None:
        """Send more of a stream, from any thread."""
        self._pushed.append((connection, data))
        self._wake()

    def _wake(self) -> None:
        if threading.get_ident() == self._thread:
            return
        # A full pipe wakes as well, and a closed one belongs to a loop that has ended.
        with contextlib.suppress(OSError):
            self._waker.send(b"\0")

    def _stop_listening(self) -> None:
        """Close the port, and every connection that no response is made for."""
        self._accepts_again = _NEVER
        with contextlib.suppress(KeyError):
            self._selector.unregister(self._listener)
        self._listener.close()
        for connection in list(self._held):
            if connection.state in {State.HANDSHAKE, State.READING, State.STREAMING}:
                connection.close()
                self._place(connection)
