"""An ASGI application in a real uvicorn, in a thread of this process."""

from __future__ import annotations

import http.client
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from support.waiting import wait_until

PATIENCE = 60.0
"""The timeout of everything in seconds: never reached, however busy the machine is."""


@contextmanager
def uvicorn_serving(app: Any) -> Iterator[int]:
    """Serve an application on a free port, which is yielded."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, log_level=logging.CRITICAL, lifespan="auto", ws="websockets-sansio"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield listener.getsockname()[1]
    finally:
        server.should_exit = server.force_exit = True
        thread.join(PATIENCE)
        listener.close()
    assert not thread.is_alive()


def ask(port: int, method: str, path: str, headers: dict[str, str] | None = None) -> int:
    """Make a request, read its whole response, and return the status."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        client.request(method, path, headers=headers or {})
        response = client.getresponse()
        response.read()
        return response.status
    finally:
        client.close()


def leave_early(port: int, path: str) -> None:
    """Read the beginning of a response, and close the connection."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: shop\r\n\r\n".encode())
        assert client.recv(1000).startswith((b"HTTP/1.1 200", b"HTTP/1.0 200"))
