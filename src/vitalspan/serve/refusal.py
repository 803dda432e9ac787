"""Refuses a connection when there is no room for it."""

from __future__ import annotations

import contextlib
import socket
from http import HTTPStatus

from vitalspan.serve.http1 import response_head
from vitalspan.serve.messages import text_response


def refuse(sock: socket.socket, *, secured: bool) -> None:
    """Tell a client that there is no room for its connection, without blocking.

    Args:
        sock: the connected socket, which is closed.
        secured: whether the client expects TLS and so could not read a plain response.
    """
    with sock, contextlib.suppress(OSError):
        sock.settimeout(0)
        if not secured:
            response = text_response(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections")
            head = response_head(response, keep_alive=False)
            sock.send(head + response.body)
            # With unread bytes, the kernel would discard the response.
            sock.recv(65536)
        sock.shutdown(socket.SHUT_WR)
