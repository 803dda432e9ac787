"""A connection to a URL, whose waits have time limits and can be aborted."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import h11

from vitalspan.http_client.target import HttpTarget, Proxy


class HttpError(Exception):
    """A request without a response; the message says why, without secrets.

    Attributes:
        reason: the message without the type of the error.
        timed_out: whether there was no response in time.
        again: whether another attempt may succeed.
    """

    def __init__(self, error: Exception) -> None:
        self.timed_out = isinstance(error, TimeoutError)
        self.again = not isinstance(error, h11.LocalProtocolError)
        self.reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        text = f"{type(error).__name__}: {self.reason}" if str(error) else self.reason
        if self.timed_out:
            text = "timed out"
        elif isinstance(error, ssl.SSLCertVerificationError):
            text = f"the certificate is not trusted: {error.verify_message}"
        elif not self.again:
            # Its text has the header, which may be a secret.
            text = self.reason = "the URL or a header cannot be sent"
        elif isinstance(error, h11.RemoteProtocolError):
            # Its text may have what the server has sent, such as the request that it echoes.
            text = self.reason = "the response is incomplete or not valid HTTP/1.1"
        super().__init__(text)


class Connection:
    """A connection to a target, with TLS and through a proxy if the target has them.

    Args:
        target: the target.
        remaining: returns the seconds that the next wait may take; 0 or less is a timeout.
    """

    def __init__(self, target: HttpTarget, remaining: Callable[[], float]) -> None:
        self._target = target
        self._remaining = remaining
        self._sock: socket.socket | None = None

    def connect(self) -> None:
        """Open the connection.

        Raises:
            OSError: if that fails.
        """
        target, proxy = self._target, self._target.proxy
        address = (target.host, target.port) if proxy is None else (proxy.host, proxy.port)
        try:
            self._sock = socket.create_connection(address, self._patience())
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if target.tls is not None:
                if proxy is not None:
                    self._open_tunnel(proxy)
                # `abort` has to find the socket while it shakes hands.
                self._sock = target.tls.wrap_socket(
                    self._open(), server_hostname=target.host, do_handshake_on_connect=False
                )
                self._sock.do_handshake()
        except OSError:
            raise
        except ValueError:
            raise OSError("the host name is not valid") from None

    def send(self, data: bytes) -> None:
        """Send all of the data.

        Raises:
            OSError: if that fails.
        """
        self._open().sendall(data)

    def receive(self) -> bytes:
        """Return the next data; empty at the end.

        Raises:
            OSError: if that fails.
        """
        return self._open().recv(65536)

    def close(self) -> None:
        """Close the connection, if it is open."""
        sock, self._sock = self._sock, None
        if sock is not None:
            sock.close()

    def abort(self) -> None:
        """Make another thread that waits for the connection stop waiting."""
        sock = self._sock
        if sock is not None:
            # The plain socket's method, because that of TLS is not safe while another thread reads.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def _open_tunnel(self, proxy: Proxy) -> None:
        where = f"{self._target.host_in_ascii}:{self._target.port}"
        protocol = h11.Connection(h11.CLIENT)
        headers = [("Host", where), *proxy.headers.items()]
        request = h11.Request(method="CONNECT", target=where, headers=headers)
        self.send(protocol.send(request) or b"")
        status = next(
            one.status_code for one in events_of(protocol, self) if isinstance(one, h11.Response)
        )
        if not 200 <= status < 300:
            raise OSError(f"the proxy answered {status}")

    def _open(self) -> socket.socket:
        sock = self._sock
        if sock is None:
            raise ConnectionError("the connection is closed")
        sock.settimeout(self._patience())
        return sock

    def _patience(self) -> float:
        seconds = self._remaining()
        if seconds <= 0:
            raise TimeoutError("timed out")
        return seconds


def events_of(protocol: h11.Connection, connection: Connection) -> Iterator[Any]:
    """Yield the HTTP/1.1 events that arrive over a connection.

    Raises:
        OSError: if the network fails.
        h11.RemoteProtocolError: for anything that is not HTTP.
    """
    while True:
        event = protocol.next_event()
        if event is h11.NEED_DATA:
            data = connection.receive()
            if not data and protocol.their_state is h11.SEND_RESPONSE:
                raise ConnectionError("the server closed the connection without a response")
            protocol.receive_data(data)
        else:
            yield event
