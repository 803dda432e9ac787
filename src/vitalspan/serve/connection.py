"""A client's connection, as a state machine that never blocks.

`http.server` has a timeout for each read, so a client that sends one byte every few seconds keeps
its thread forever. Here the deadline is for a whole request and for a whole response, and
receiving a byte does not extend it.
"""

from __future__ import annotations

import enum
import logging
import selectors
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NamedTuple

from vitalspan.serve.http1 import Http1Parser, RequestError, response_head
from vitalspan.serve.messages import Request, Response, text_response
from vitalspan.serve.transport import Transport

if TYPE_CHECKING:
    import socket

    from vitalspan.serve.web_config.tls import TLS

MAX_REQUESTS: Final = 1000
"""The number of requests that one connection may send."""

_RECEIVE_BYTES: Final = 8 * 1024
_SEND_BYTES: Final = 64 * 1024
_MOST_UNSENT: Final = 256 * 1024
"""The number of bytes that may be buffered for a client that reads a stream too slowly."""

_LINGER_SECONDS: Final = 1.0
_LINGER_BYTES: Final = 256 * 1024

# A client that is as fast as the server must not keep the others waiting.
_STEPS_IN_A_ROW: Final = 16

_log = logging.getLogger(__name__)


class State(enum.Enum):
    """The states of a connection."""

    HANDSHAKE = "shaking hands for TLS"
    READING = "reading a request"
    ANSWERING = "waiting until its response is made"
    SENDING = "sending a response"
    STREAMING = "waiting until there is more to send"
    LINGERING = "waiting until the client closes"
    CLOSED = "closed"


class Timeouts(NamedTuple):
    """The time limits for a client, in seconds.

    Attributes:
        request: for receiving a whole request, including the TLS handshake before the first one,
            and again for sending a whole response.
        idle: from the end of a response to the first byte of the next request.
    """

    request: float
    idle: float


class Connection:
    """A client's connection. One thread at a time uses it; only `abort` may be called from another.

    Args:
        sock: the connected socket.
        timeouts: the time limits for the client.
        now: seconds on a steady clock, the same clock as for the methods.
        tls: the TLS settings; None for plain HTTP.

    Attributes:
        state: what the connection is doing.
        deadline: when the current step times out; infinite while its response is made.

    Raises:
        OSError: if TLS cannot begin.
    """

    def __init__(
        self, sock: socket.socket, timeouts: Timeouts, now: float, tls: TLS | None = None
    ) -> None:
        self._transport = Transport(sock, tls)
        self._timeouts = timeouts
        self._parser = Http1Parser()
        self._requests_left = MAX_REQUESTS
        self._unsent: list[memoryview] = []
        self._keep_alive = False
        self._streaming = False
        self._when_sent: Callable[[], None] | None = None
        self._lingering_bytes = 0
        self._request: Request | None = None
        self.state = State.READING if tls is None else State.HANDSHAKE
        self.deadline = now + timeouts.request

    @property
    def events(self) -> int:
        """The events to wait for before the next `proceed`, as in `selectors`."""
        return self._transport.events

    @property
    def request(self) -> Request:
        """The request that is waiting for its response."""
        if self._request is None:
            raise RuntimeError("there is no whole request yet")
        return self._request

    def fileno(self) -> int:
        """Return the file descriptor, as selectors require; -1 once it is closed."""
        return self._transport.fileno()

    def proceed(self, now: float) -> None:
        """Proceed until the socket would block, a request is complete, or the connection ends."""
        try:
            for _ in range(_STEPS_IN_A_ROW):
                if not self._step(now):
                    return
        except RequestError as error:
            _log.debug("%d: %s", error.status, error)
            self._send(text_response(error.status, error.reason), now, keep_alive=False)
        except (OSError, ValueError) as error:
            _log.debug("a connection broke: %s", error)
            self.close()
        self._transport.events = selectors.EVENT_READ | selectors.EVENT_WRITE

    def respond(
        self,
        response: Response,
        now: float,
        *,
        keep_alive: bool = True,
        when_sent: Callable[[], None] | None = None,
    ) -> None:
        """Send the response to the request, or as much of it as the socket takes at once.

        Args:
            response: the response to send.
            now: seconds on the steady clock.
            keep_alive: whether the connection may stay open for the next request.
            when_sent: called once, when the response has been sent or the connection has ended.
        """
        self._when_sent = when_sent
        self._streaming = response.begin_stream is not None
        keep_alive = (
            keep_alive
            and not self._streaming
            and self._parser.keep_alive
            and self._requests_left > 0
        )
        self._send(response, now, keep_alive=keep_alive)
        self.proceed(now)

    def push(self, data: bytes, now: float) -> None:
        """Send more of a stream. A client that reads too slowly is disconnected."""
        if not self._streaming or self.state not in {State.SENDING, State.STREAMING}:
            return
        self._unsent.append(memoryview(data))
        if sum(map(len, self._unsent)) > _MOST_UNSENT:
            self.close()
            return
        if self.state is State.STREAMING:
            self.state, self.deadline = State.SENDING, now + self._timeouts.request
        self.proceed(now)

    def time_out(self, now: float) -> None:
        """Handle a timeout: end the connection, after a response that says so to half a request."""
        if self.state is State.READING and self._parser.started:
            error = RequestError(HTTPStatus.REQUEST_TIMEOUT)
            self._send(text_response(error.status, error.reason), now, keep_alive=False)
            self.proceed(now)
        else:
            self.close()

    def close(self) -> None:
        """Close the connection without waiting for the client."""
        self.state = State.CLOSED
        self._transport.close()
        self._finish()

    def abort(self) -> None:
        """Abort the connection from another thread; the thread that uses it then sees its end."""
        self._transport.abort()

    def close_in_child(self) -> None:
        """Close the socket in a forked child, without sending anything to the client."""
        self._transport.close_in_child()

    def _step(self, now: float) -> bool:
        """Do one step; return whether another one may follow at once."""
        match self.state:
            case State.HANDSHAKE:
                return self._shake_hands()
            case State.READING:
                return self._read(now)
            case State.SENDING:
                return self._send_some(now)
            case State.STREAMING:
                return self._watch()
            case State.LINGERING:
                return self._linger()
            case _:
                return False

    def _shake_hands(self) -> bool:
        admitted = self._transport.handshake()
        if admitted is None:
            return False
        if not admitted:
            _log.debug("a client certificate names nobody in client_allowed_sans")
            self.close()
        else:
            self.state = State.READING
        return admitted

    def _read(self, now: float) -> bool:
        data = self._transport.receive(_RECEIVE_BYTES)
        if data is None:
            return False
        if not data:
            self.close()
            return False
        self._parse(data, now)
        return True

    def _parse(self, data: bytes, now: float) -> None:
        first = not self._parser.started
        self._request = self._parser.feed(data)
        if first and self._parser.started and self._requests_left < MAX_REQUESTS:
            self.deadline = now + self._timeouts.request
        if self._request is not None:
            self._requests_left -= 1
            self.state, self.deadline = State.ANSWERING, float("inf")

    def _send(self, response: Response, now: float, *, keep_alive: bool) -> None:
        head = response_head(response, keep_alive=keep_alive)
        # A small response is sent in one piece, and a large body is not copied.
        body = memoryview(response.body)
        self._unsent = [memoryview(head + body[:_SEND_BYTES]), body[_SEND_BYTES:]]
        self._keep_alive = keep_alive
        self.state, self.deadline = State.SENDING, now + self._timeouts.request

    def _send_some(self, now: float) -> bool:
        if not self._unsent:
            if self._streaming:
                self.state, self.deadline = State.STREAMING, float("inf")
                self._transport.events = selectors.EVENT_READ
                return False
            self._finish()
            self._after_response(now)
            return True
        count = self._transport.send(self._unsent[0][:_SEND_BYTES])
        if count is None:
            return False
        self._unsent[0] = self._unsent[0][count:]
        self._unsent = [part for part in self._unsent if part]
        return True

    def _after_response(self, now: float) -> None:
        self._request = None
        if self._keep_alive:
            unread = self._parser.unread()
            self._parser = Http1Parser()
            self.state, self.deadline = State.READING, now + self._timeouts.idle
            if unread:
                self._parse(unread, now)
            return
        # Closing a socket with unread bytes makes the kernel reset the connection, which would
        # discard a response on its way. So the rest is received for a moment and ignored.
        self._transport.end_sending()
        self.state, self.deadline = State.LINGERING, now + _LINGER_SECONDS

    def _watch(self) -> bool:
        """Notice when the client disconnects. It sends nothing while it receives a stream."""
        if self._transport.receive(_RECEIVE_BYTES) is not None:
            self.close()
        return False

    def _linger(self) -> bool:
        count = self._transport.discard(_SEND_BYTES)
        if count is None:
            return False
        self._lingering_bytes += count
        if not count or self._lingering_bytes >= _LINGER_BYTES:
            self.close()
        return True

    def _finish(self) -> None:
        """Report that the response no longer needs its memory."""
        self._unsent = []
        when_sent, self._when_sent = self._when_sent, None
        if when_sent is not None:
            when_sent()
