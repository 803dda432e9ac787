"""A small HTTP server for tests that keeps the requests that it receives."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from support.waiting import wait_until


class Posted(NamedTuple):
    """One request."""

    path: str
    headers: dict[str, str]
    document: Any
    at: float
    """The time of its arrival in Unix seconds."""


class WebhookSink:
    """A server that responds with 200 by default, and keeps the posted requests.

    Attributes:
        url: its address, without a slash at the end.
        posted: every request, the first one first.
        answers: a status and headers for each of the next requests.
        status: the status for all other requests.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.posted: list[Posted] = []
        self.answers: deque[tuple[int, dict[str, str]]] = deque()
        self.status = 200
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                sink.posted.append(
                    Posted(self.path, dict(self.headers), json.loads(body), time.time())
                )
                status, headers = sink.answers.popleft() if sink.answers else (sink.status, {})
                answer = b"secret: what was asked for"
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            # Waiting for the threads at the end makes sure that none is left.
            daemon_threads = False
            block_on_close = True

            def handle_error(self, *args: Any) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def documents(self) -> list[Any]:
        """The posted documents, without the rest of the requests."""
        return [one.document for one in self.posted]

    def wait_for(self, number: int) -> list[Any]:
        """Wait for a number of requests, and return the posted documents."""
        wait_until(lambda: len(self.posted) >= number)
        return self.documents()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextlib.contextmanager
def run_sink(tls: ssl.SSLContext | None = None) -> Iterator[WebhookSink]:
    """Run a sink until the end."""
    sink = WebhookSink(tls)
    try:
        yield sink
    finally:
        sink.close()


@contextlib.contextmanager
def run_hanging() -> Iterator[str]:
    """The URL of a server that accepts every connection and never responds."""
    # The system accepts connections of a listening socket, but nothing reads from them.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
