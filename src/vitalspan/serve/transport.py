"""A connected socket that never blocks, plain or with TLS."""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from vitalspan.serve.web_config.tls import TLS

T = TypeVar("T")


class Transport:
    """Moves bytes without blocking: a method returns None if it would have to wait.

    Every method may raise OSError or, if TLS has ended, ValueError.

    Args:
        sock: the connected socket.
        tls: the TLS settings; None for plain bytes.

    Attributes:
        events: the events to wait for, as in `selectors`.
    """

    def __init__(self, sock: socket.socket, tls: TLS | None) -> None:
        sock.settimeout(0)
        self._sock = sock
        self._tls = tls
        self._closing = threading.Lock()
        self.events = selectors.EVENT_READ
        if tls is not None:
            self._sock = tls.context.wrap_socket(
                sock, server_side=True, do_handshake_on_connect=False
            )

    def fileno(self) -> int:
        """Return the file descriptor; -1 once it is closed."""
        return self._sock.fileno()

    def handshake(self) -> bool | None:
        """Perform the TLS handshake; return whether the client is admitted."""
        tls, sock = self._tls, self._sock
        if tls is None or not isinstance(sock, ssl.SSLSocket):
            return True

        def shake_hands() -> bool:
            sock.do_handshake()
            return tls.admits(_alternative_names(sock.getpeercert()))

        return self._attempt(shake_hands)

    def receive(self, size: int) -> bytes | None:
        """Receive some bytes; they are empty once the client has finished sending."""
        return self._attempt(lambda: self._sock.recv(size))

    def send(self, data: memoryview) -> int | None:
        """Send some of the data; return the number of bytes sent."""
        return self._attempt(lambda: self._sock.send(data), selectors.EVENT_WRITE)

    def end_sending(self) -> None:
        """Tell the client that nothing more follows. This ends TLS, too."""
        if isinstance(self._sock, ssl.SSLSocket):
            with contextlib.suppress(OSError, ValueError):
                self._sock.unwrap()
        # This is the plain socket's method, because that of TLS would close both directions.
        socket.socket.shutdown(self._sock, socket.SHUT_WR)

    def discard(self, size: int) -> int | None:
        """Receive bytes and discard them, encrypted or not; return how many."""
        return self._attempt(lambda: len(socket.socket.recv(self._sock, size)))

    def close(self) -> None:
        """Close the socket."""
        with self._closing:
            self._sock.close()

    def abort(self) -> None:
        """Shut down both directions from another thread; the using thread then sees the end."""
        # Under the lock, because the descriptor of a closed socket may already be reused.
        with self._closing, contextlib.suppress(OSError):
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def close_in_child(self) -> None:
        """Close the socket in a forked child, where any thread may have held the lock."""
        self._sock.close()

    def _attempt(self, action: Callable[[], T], event: int = selectors.EVENT_READ) -> T | None:
        try:
            return action()
        except BlockingIOError:
            self.events = event
        except ssl.SSLWantReadError:
            self.events = selectors.EVENT_READ
        except ssl.SSLWantWriteError:
            self.events = selectors.EVENT_WRITE
        return None


def _alternative_names(certificate: object) -> list[tuple[str, str]]:
    """Return the subject alternative names from the result of `getpeercert()`."""
    if not isinstance(certificate, dict):
        return []
    return [(str(kind), str(name)) for kind, name in certificate.get("subjectAltName", ())]
