"""A server that responds like a Prometheus, with the data of a test."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Answer = tuple[int, Any]
"""The status, and the body: JSON, or bytes unchanged."""


@dataclass
class FakePrometheus:
    """A server that responds like a Prometheus.

    Attributes:
        answer: returns the response to a path and its parameters.
        requests: the paths, parameters and headers so far.
        url: the URL of the server.
    """

    answer: Callable[[str, dict[str, str]], Answer]
    requests: list[tuple[str, dict[str, str], dict[str, str]]] = field(default_factory=list)
    url: str = ""


def vector(*samples: tuple[dict[str, str], float], **more: Any) -> Answer:
    """Return the response to an instant query."""
    result = [{"metric": labels, "value": [0, str(value)]} for labels, value in samples]
    return 200, {
        "status": "success",
        "data": {"resultType": "vector", "result": result},
        **more,
    }


def matrix(*series: tuple[dict[str, str], list[tuple[float, float]]]) -> Answer:
    """Return the response to a range query."""
    result = [
        {"metric": labels, "values": [[when, str(value)] for when, value in points]}
        for labels, points in series
    ]
    return 200, {"status": "success", "data": {"resultType": "matrix", "result": result}}


@contextmanager
def fake_prometheus(answer: Callable[[str, dict[str, str]], Answer]) -> Iterator[FakePrometheus]:
    """Run a server until the end."""
    fake = FakePrometheus(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(self.path, dict(parse_qsl(body.decode())))

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            self._answer(parts.path, dict(parse_qsl(parts.query)))

        def _answer(self, path: str, parameters: dict[str, str]) -> None:
            fake.requests.append((path, parameters, dict(self.headers)))
            status, document = fake.answer(path, parameters)
            body = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
