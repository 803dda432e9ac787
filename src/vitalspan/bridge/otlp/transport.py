"""The common parts of transports: outcomes of a request, answers of receivers, and sockets."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import NamedTuple, Protocol

from vitalspan.bridge.otlp.protobuf_reader import read_fields
from vitalspan.http_target import HttpTarget


class Accepted(NamedTuple):
    """The answer of a receiver that took a request; it may have refused some of its points."""

    rejected: int = 0
    message: str = ""


class ExportError(Exception):
    """A request that was not taken.

    Args:
        reason: in words, without secrets.
        again: whether it is worth another attempt.
        wait: seconds that the receiver asks for before that.
        too_large: whether a smaller request may be taken.
    """

    def __init__(
        self, reason: str, *, again: bool = False, wait: float = 0.0, too_large: bool = False
    ) -> None:
        super().__init__(reason)
        self.again = again
        self.wait = wait
        self.too_large = too_large


class Transport(Protocol):
    """Sends encoded requests to one receiver."""

    def send(self, body: bytes, deadline: float) -> Accepted:
        """Send a request, compressed already if that is agreed, and return what was answered.

        Args:
            body: of the request.
            deadline: on the steady clock; what has not ended by then has failed.

        Raises:
            ExportError: if it was not taken.
        """
        ...

    def abort(self) -> None:
        """Make a request that is under way in another thread fail."""
        ...


def read_response(body: bytes) -> Accepted:
    """Read an `ExportMetricsServiceResponse`; what cannot be read says nothing."""
    rejected, message = 0, ""
    with contextlib.suppress(ValueError):
        for number, value in read_fields(body):
            if number != 1 or not isinstance(value, bytes):
                continue
            for inner, part in read_fields(value):
                if inner == 1 and isinstance(part, int):
                    rejected = part
                elif inner == 2 and isinstance(part, bytes):
                    message = part.decode("utf-8", "replace")
    return Accepted(rejected, message)


def reason_of(error: Exception) -> str:
    """Return in words why the network failed."""
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted: {error.verify_message}"
    text = getattr(error, "strerror", None) or str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def authority_of(target: HttpTarget) -> str:
    """Return the host and the port of a target, in ASCII."""
    host = target.host
    try:
        host = host.encode("idna").decode("ascii")
    except UnicodeError:
        # It cannot be connected to, which says more than an error here.
        host = host.encode("ascii", "replace").decode("ascii")
    return f"[{host}]:{target.port}" if ":" in host else f"{host}:{target.port}"


class Wire:
    """A connection to a target, every wait of which ends at a deadline.

    Args:
        target: where to.
        now: a steady clock in seconds.
    """

    def __init__(self, target: HttpTarget, now: Callable[[], float]) -> None:
        self._target = target
        self._now = now
        self._sock: socket.socket | None = None

    def connect(self, deadline: float) -> None:
        """Open the connection.

        Raises:
            OSError: if that fails.
        """
        target = self._target
        left = self._remaining(deadline)
        try:
            sock = socket.create_connection((target.host, target.port), left)
            self._sock = sock
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if target.tls is not None:
                sock.settimeout(self._remaining(deadline))
                self._sock = target.tls.wrap_socket(sock, server_hostname=target.host)
        except OSError:
            raise
        except ValueError:
            raise OSError("the host's name cannot be one") from None

    def send(self, data: bytes, deadline: float) -> None:
        """Send all of it.

        Raises:
            OSError: if that fails.
        """
        sock = self._open(deadline)
        sock.sendall(data)

    def receive(self, deadline: float) -> bytes:
        """Return what arrives next; nothing at the end.

        Raises:
            OSError: if that fails.
        """
        return self._open(deadline).recv(65536)

    def close(self) -> None:
        """Close the connection, if it is open."""
        sock, self._sock = self._sock, None
        if sock is not None:
            sock.close()

    def abort(self) -> None:
        """Make the other thread that waits for the connection stop waiting."""
        sock = self._sock
        if sock is not None:
            # The plain method, since that of TLS sockets is not safe while another thread reads.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def _open(self, deadline: float) -> socket.socket:
        sock = self._sock
        if sock is None:
            raise ConnectionError("the connection is closed")
        sock.settimeout(self._remaining(deadline))
        return sock

    def _remaining(self, deadline: float) -> float:
        left = deadline - self._now()
        if left <= 0:
            raise TimeoutError("timed out")
        return left
