"""HTTP/1.1 on a socket, with a limit for everything: sizes, and the time that each step may take.

`http.server` times each read by itself, so that one byte every few seconds holds a thread for
ever. Here a step has a deadline, and no byte puts it off.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
import time
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from vitalspan.serve.response import Response

MAX_REQUEST_LINE: Final = 8 * 1024
MAX_HEADER_BYTES: Final = 32 * 1024
MAX_HEADERS: Final = 100

_LINGER_SECONDS: Final = 1.0
_LINGER_BYTES: Final = 256 * 1024
_SEND_BYTES: Final = 64 * 1024

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VERSION = re.compile(r"HTTP/([0-9])\.([0-9])")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


class RequestError(Exception):
    """A request that cannot be answered but with an error; the connection then ends."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Disconnected(Exception):  # noqa: N818 - an ordinary end, not an error
    """The client closed the connection where a request could have begun, or within one."""


class Head(NamedTuple):
    """The request line and the headers of a request."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    keep_alive: bool


class Wire:
    """A client's connection.

    Args:
        sock: the connected socket.
        seconds: the time until the first request must have arrived, a TLS handshake included.

    Attributes:
        waiting: whether no byte of a request has come since the last one.
    """

    def __init__(self, sock: socket.socket, seconds: float) -> None:
        self._sock = sock
        self._buffer = bytearray()
        self._ending = threading.Lock()
        self.waiting = True
        self.allow(seconds)

    def allow(self, seconds: float) -> None:
        """Set a new deadline for all that follows."""
        self._deadline = time.monotonic() + seconds

    def start_tls(self, context: ssl.SSLContext) -> None:
        """Shake hands.

        Raises:
            OSError: if it fails or the deadline passes.
        """
        self._sock = context.wrap_socket(
            self._sock, server_side=True, do_handshake_on_connect=False
        )
        self._sock.settimeout(self._remaining())
        self._sock.do_handshake()

    def client_names(self) -> list[tuple[str, str]]:
        """The kinds and values of the subject alternative names in the client's certificate."""
        certificate = self._sock.getpeercert() if isinstance(self._sock, ssl.SSLSocket) else None
        return [(str(kind), str(value)) for kind, value in _names(certificate)]

    def wait(self) -> None:
        """Wait for the first byte of a request.

        Raises:
            Disconnected: if the client has gone.
            OSError: if the connection breaks or the deadline passes.
        """
        self.waiting = True
        if not self._buffer:
            self._fill()
        self.waiting = False

    def read_head(self) -> Head:
        """Read a request line and headers; a body is never read.

        Raises:
            RequestError: if the request is malformed or too large, or the deadline passes.
            Disconnected: if the client has gone.
            OSError: if the connection breaks.
        """
        try:
            line = self._line(MAX_REQUEST_LINE, HTTPStatus.REQUEST_URI_TOO_LONG)
            if not line:
                # RFC 9112, 2.2: some clients send an empty line after a request.
                line = self._line(MAX_REQUEST_LINE, HTTPStatus.REQUEST_URI_TOO_LONG)
            method, target, minor = _request_line(line)
            headers = self._headers()
        except TimeoutError:
            raise RequestError(
                HTTPStatus.REQUEST_TIMEOUT, "the request took too long to arrive"
            ) from None
        if minor and "host" not in headers:
            raise RequestError(HTTPStatus.BAD_REQUEST, "an HTTP/1.1 request names its Host")
        path, query = _target(target)
        return Head(method, path, query, headers, _keeps_alive(headers, minor))

    def send(self, response: Response, *, keep_alive: bool) -> None:
        """Write an answer.

        Raises:
            OSError: if the connection breaks or the client does not read before the deadline.
        """
        lines = [f"HTTP/1.1 {response.status_line}", f"Date: {formatdate(usegmt=True)}"]
        lines += [f"{name}: {value}" for name, value in response.headers]
        lines.append(f"Connection: {'keep-alive' if keep_alive else 'close'}")
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        unsent = memoryview(head + response.body)
        while unsent:
            self._sock.settimeout(self._remaining())
            unsent = unsent[self._sock.send(unsent[:_SEND_BYTES]) :]

    def close(self) -> None:
        """End the connection so that the client can still read what was sent.

        Closing with unread bytes in the way makes the kernel reset the connection, which throws
        away an answer under way. So the rest of the request is read and dropped, for a moment.
        """
        with contextlib.suppress(OSError, ValueError):
            self._linger()
        self.drop()

    def drop(self) -> None:
        """End the connection without waiting for the client."""
        with self._ending:
            self._sock.close()

    def abort(self) -> None:
        """End the connection from another thread; a read that waits there sees its end."""
        with self._ending, contextlib.suppress(OSError):
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def _linger(self) -> None:
        if isinstance(self._sock, ssl.SSLSocket):
            self._sock.settimeout(0)
            with contextlib.suppress(OSError, ValueError):
                self._sock.unwrap()
        # The plain socket's methods: TLS is over, and these bytes are never looked at.
        socket.socket.shutdown(self._sock, socket.SHUT_WR)
        self.allow(_LINGER_SECONDS)
        dropped = 0
        while dropped < _LINGER_BYTES:
            self._sock.settimeout(self._remaining())
            received = len(socket.socket.recv(self._sock, _SEND_BYTES))
            if not received:
                return
            dropped += received

    def _headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        left, too_large = MAX_HEADER_BYTES, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        for _ in range(MAX_HEADERS + 1):
            line = self._line(left, too_large)
            if not line:
                return headers
            left -= len(line) + 1
            name, colon, value = line.partition(":")
            if not (colon and _TOKEN.fullmatch(name) and _VALUE.fullmatch(value)):
                raise RequestError(HTTPStatus.BAD_REQUEST, "a header line is malformed")
            name, value = name.lower(), value.strip()
            if name == "host" and name in headers:
                raise RequestError(HTTPStatus.BAD_REQUEST, "there is more than one Host")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        raise RequestError(too_large, f"there are more than {MAX_HEADERS} headers")

    def _line(self, limit: int, too_long: HTTPStatus) -> str:
        """Read up to the end of a line of at most `limit` bytes."""
        searched = 0
        while (end := self._buffer.find(b"\n", searched, limit + 2)) < 0:
            searched = len(self._buffer)
            if searched >= limit + 2:
                raise RequestError(too_long, f"{too_long.phrase}: that much is not read")
            self._fill()
        line = self._buffer[:end].removesuffix(b"\r").decode("latin-1")
        del self._buffer[: end + 1]
        return line

    def _fill(self) -> None:
        self._sock.settimeout(self._remaining())
        received = self._sock.recv(MAX_REQUEST_LINE)
        if not received:
            raise Disconnected
        self._buffer += received

    def _remaining(self) -> float:
        seconds = self._deadline - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("the deadline has passed")
        return seconds


def _names(certificate: object) -> list[tuple[object, object]]:
    """The subject alternative names in what `getpeercert()` returned."""
    if not isinstance(certificate, dict):
        return []
    return list(certificate.get("subjectAltName", ()))


def _request_line(line: str) -> tuple[str, str, int]:
    """The method, the target and the minor version of the protocol."""
    words = line.split(" ")
    version = _VERSION.fullmatch(words[-1])
    if len(words) != 3 or not version or not words[1] or not _TOKEN.fullmatch(words[0]):
        raise RequestError(HTTPStatus.BAD_REQUEST, "the request line is malformed")
    if version[1] != "1":
        raise RequestError(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "only HTTP/1.1 is spoken here")
    return words[0], words[1], int(version[2])


def _target(target: str) -> tuple[str, str]:
    """The decoded path and the query of a request target, whatever its form."""
    if not target.startswith("/"):
        try:
            parts = urlsplit(target)
        except ValueError:
            raise RequestError(HTTPStatus.BAD_REQUEST, "the target is malformed") from None
        return unquote(parts.path) or "/", parts.query
    path, _, query = target.partition("?")
    return unquote(path), query


def _keeps_alive(headers: dict[str, str], minor: int) -> bool:
    """Whether another request can follow: not after a body, which nobody reads."""
    if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
        return False
    options = {option.strip().lower() for option in headers.get("connection", "").split(",")}
    return minor > 0 and "close" not in options
