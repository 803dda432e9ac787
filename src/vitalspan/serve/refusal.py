"""The refusal of a connection that there is no room for."""

from __future__ import annotations

import contextlib
import socket
from http import HTTPStatus

from vitalspan.serve.http1 import response_head
from vitalspan.serve.messages import text_response


def refuse(sock: socket.socket, *, secured: bool) -> None:
    """Tell a client that there is no room for its connection, without waiting for anything.

    Args:
        sock: the connected socket; it is closed.
        secured: whether the client expects TLS, so that it would understand no word.
    """
    with sock, contextlib.suppress(OSError):
        sock.settimeout(0)
        if not secured:
            response = text_response(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections")
            head = response_head(response, keep_alive=False)
            sock.send(head + response.body)
            # Unread bytes would make the kernel throw the response away.
            sock.recv(65536)
        sock.shutdown(socket.SHUT_WR)
