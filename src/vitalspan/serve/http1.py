"""The HTTP/1.1 parser: h11, with limits on the size of a request."""

from __future__ import annotations

from email.utils import formatdate
from functools import cached_property
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote, urlsplit

import h11

from vitalspan.serve.messages import Request, Response, join_headers

MAX_REQUEST_LINE: Final = 8 * 1024
"""The maximum length of a request line in bytes, without its line end."""

MAX_HEADER_BYTES: Final = 32 * 1024
"""The maximum size of all headers of a request in bytes, including line ends."""

MAX_HEADERS: Final = 100

_VERSION_BYTES: Final = len("  HTTP/1.1")

_REASONS: Final = {
    HTTPStatus.REQUEST_URI_TOO_LONG: f"the request line is longer than {MAX_REQUEST_LINE} bytes",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: (
        f"the headers are larger than {MAX_HEADER_BYTES} bytes or more than {MAX_HEADERS}"
    ),
    HTTPStatus.REQUEST_TIMEOUT: "the request took too long to arrive",
    HTTPStatus.HTTP_VERSION_NOT_SUPPORTED: "only HTTP/1.1 and HTTP/1.0 are supported",
    HTTPStatus.NOT_IMPLEMENTED: "this transfer encoding is not supported",
    HTTPStatus.BAD_REQUEST: "this is not a well-formed HTTP/1.1 request",
}


class RequestError(Exception):
    """A request that is answered with an error, after which the connection ends."""

    def __init__(self, status: HTTPStatus) -> None:
        self.status = status
        self.reason = _REASONS.get(status, status.phrase)
        super().__init__(self.reason)


class Http1Parser:
    """Parses one request.

    Attributes:
        started: whether any byte of the request has arrived.
        keep_alive: whether another request may follow on the same connection.
    """

    def __init__(self) -> None:
        self.started = False
        self.keep_alive = False
        self._carriage_return = b""
        self._empty_line_dropped = False
        self._received = 0
        self._line_ended = False

    def feed(self, data: bytes) -> Request | None:
        """Take bytes from the client, and return the request once it is complete.

        Raises:
            RequestError: if the request is malformed or too large.
        """
        if not self.started:
            data = self._after_empty_line(data)
            if not data:
                return None
            self.started = True
        self._measure_line(data)
        self._received += len(data)
        self._h11.receive_data(data)
        event = self._next_event()
        if not isinstance(event, h11.Request):
            return None
        self._check(event)
        path, query = _path_and_query(event.target.decode("ascii"))
        headers = join_headers(event.headers)
        self.keep_alive = self._ends_without_body() and "transfer-encoding" not in headers
        return Request(event.method.decode("ascii"), path, query, headers)

    def unread(self) -> bytes:
        """Return the bytes that the client has sent after this request."""
        return self._h11.trailing_data[0]

    @cached_property
    def _h11(self) -> h11.Connection:
        # Made with the first byte, because most connections of an attacker never send one.
        return h11.Connection(
            h11.SERVER, max_incomplete_event_size=MAX_REQUEST_LINE + MAX_HEADER_BYTES
        )

    def _after_empty_line(self, data: bytes) -> bytes:
        """Skip one empty line, which some clients send after a request (RFC 9112, 2.2)."""
        data, self._carriage_return = self._carriage_return + data, b""
        if self._empty_line_dropped:
            return data
        if data == b"\r":
            self._carriage_return = data
            return b""
        rest = data.removeprefix(b"\r\n") if data[:1] == b"\r" else data.removeprefix(b"\n")
        self._empty_line_dropped = rest != data
        return rest

    def _measure_line(self, data: bytes) -> None:
        if self._line_ended:
            return
        end = data.find(b"\n")
        self._line_ended = end >= 0
        line = self._received + (end if self._line_ended else len(data))
        if line > MAX_REQUEST_LINE + len(b"\r"):
            raise RequestError(HTTPStatus.REQUEST_URI_TOO_LONG)

    def _next_event(self) -> object:
        try:
            return self._h11.next_event()
        except h11.RemoteProtocolError as error:
            raise RequestError(HTTPStatus(error.error_status_hint)) from None
        except ValueError:
            # h11 0.14 fails on a Content-Length of thousands of digits.
            raise RequestError(HTTPStatus.BAD_REQUEST) from None

    def _check(self, event: h11.Request) -> None:
        line = len(event.method) + len(event.target) + _VERSION_BYTES
        if line > MAX_REQUEST_LINE:
            raise RequestError(HTTPStatus.REQUEST_URI_TOO_LONG)
        header_bytes = self._received - len(self.unread()) - line
        if header_bytes > MAX_HEADER_BYTES or len(event.headers) > MAX_HEADERS:
            raise RequestError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        if not event.http_version.startswith(b"1."):
            raise RequestError(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED)

    def _ends_without_body(self) -> bool:
        """Return whether the request has no body, so that another request can follow."""
        try:
            ended = isinstance(self._h11.next_event(), h11.EndOfMessage)
        except h11.RemoteProtocolError:
            return False
        return ended and self._h11.their_state is h11.DONE


def _path_and_query(target: str) -> tuple[str, str]:
    """Return the decoded path and the query of a request target, whatever its form."""
    if not target.startswith("/"):
        try:
            parts = urlsplit(target)
        except ValueError:
            raise RequestError(HTTPStatus.BAD_REQUEST) from None
        return unquote(parts.path) or "/", parts.query
    path, _, query = target.partition("?")
    return unquote(path), query


def response_head(response: Response, *, keep_alive: bool) -> bytes:
    """Return the status line and the headers of a response as bytes.

    h11 could write them as well, but takes ten times as long, and no client input is in them.
    """
    lines = [
        f"HTTP/1.1 {response.status} {response.reason}",
        f"Date: {formatdate(usegmt=True)}",
        *(f"{name}: {value}" for name, value in response.headers),
        f"Connection: {'keep-alive' if keep_alive else 'close'}",
        "\r\n",
    ]
    return "\r\n".join(lines).encode("latin-1")
