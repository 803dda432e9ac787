"""Receivers of OTLP metrics for tests, which decode requests with opentelemetry-proto.

Tests define the responses: refusals, partial success, no response, a reset.
"""

from __future__ import annotations

import contextlib
import gzip
import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Iterator
from concurrent import futures
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import grpc
from opentelemetry.proto.collector.metrics.v1 import (
    metrics_service_pb2,
    metrics_service_pb2_grpc,
)

Request = metrics_service_pb2.ExportMetricsServiceRequest
Response = metrics_service_pb2.ExportMetricsServiceResponse

HANG = "hang"
RESET = "reset"


@dataclass
class Answer:
    """The response of a receiver; the status is one of HTTP or of gRPC."""

    status: int | str = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def partial(rejected: int, message: str) -> bytes:
    """The body of a response that rejects some points."""
    success = {"rejected_data_points": rejected, "error_message": message}
    return bytes(Response(partial_success=success).SerializeToString())


class MetricsReceiver:
    """The requests that a receiver got, and its next responses.

    Attributes:
        endpoint: the address that it listens on.
        requests: the accepted requests, decoded.
        bodies: the sizes of all bodies as transferred.
        headers: the headers of all requests, accepted or not.
        answers: the next responses; after them, all requests are accepted.
    """

    def __init__(self) -> None:
        self.endpoint = ""
        self.requests: list[Any] = []
        self.bodies: list[int] = []
        self.headers: list[dict[str, str]] = []
        self.answers: deque[Answer] = deque()
        self.released = threading.Event()
        self.arrived = threading.Condition()

    def next_answer(self) -> Answer | None:
        return self.answers.popleft() if self.answers else None

    def take(self, request: Any) -> None:
        with self.arrived:
            self.requests.append(request)
            self.arrived.notify_all()

    def wait_for(self, count: int) -> list[Any]:
        """Wait until a number of requests have been accepted."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.requests) >= count, timeout=60)
            return list(self.requests)

    def points(self) -> dict[str, list[Any]]:
        """The data points of all requests, by the name of their metric."""
        found: dict[str, list[Any]] = {}
        for metric in self.metrics():
            data = getattr(metric, metric.WhichOneof("data"))
            found.setdefault(metric.name, []).extend(data.data_points)
        return found

    def metrics(self) -> list[Any]:
        """The metrics of all requests."""
        return [metric for request in self.requests for metric in metrics_of(request)]


def metrics_of(request: Any) -> Iterator[Any]:
    """Yield the metrics of a request."""
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            yield from scope.metrics


def texts(attributes: Any) -> dict[str, str]:
    """Attributes that are strings."""
    return {one.key: one.value.string_value for one in attributes}


class ServerFiles(NamedTuple):
    """The files of a server that requires client certificates."""

    certificate: Path
    key: Path
    clients: Path


class _Server(ThreadingHTTPServer):
    received: MetricsReceiver

    def handle_error(self, *args: Any) -> None:
        """Log nothing: clients that disconnect are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        received = self.server.received
        body = self.rfile.read(int(self.headers["Content-Length"]))
        received.bodies.append(len(body))
        received.headers.append(
            {"path": self.path, **{name.lower(): value for name, value in self.headers.items()}}
        )
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        answer = received.next_answer() or Answer()
        if answer.status == HANG:
            received.released.wait(60)
        elif answer.status == RESET:
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()
        else:
            if answer.status == 200:
                received.take(Request.FromString(body))
            self._answer(answer)

    def _answer(self, answer: Answer) -> None:
        self.send_response(int(answer.status))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, *args: Any) -> None:
        pass

    def finish(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            super().finish()


@contextlib.contextmanager
def run_http_metrics_receiver(tls: ServerFiles | None = None) -> Iterator[MetricsReceiver]:
    """Receive by HTTP until the end."""
    received = MetricsReceiver()
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.received = received
        received.endpoint = f"http://127.0.0.1:{server.server_port}"
        if tls is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=tls.clients)
            context.load_cert_chain(tls.certificate, tls.key)
            context.verify_mode = ssl.CERT_REQUIRED
            server.socket = context.wrap_socket(server.socket, server_side=True)
            received.endpoint = f"https://localhost:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield received
        finally:
            received.released.set()
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def run_grpc_metrics_receiver(tls: ServerFiles | None = None) -> Iterator[MetricsReceiver]:
    """Receive by gRPC until the end; statuses of responses are those of gRPC."""
    received = MetricsReceiver()

    class Servicer(metrics_service_pb2_grpc.MetricsServiceServicer):  # type: ignore[misc]
        def Export(self, request: Any, context: Any) -> Any:
            received.bodies.append(request.ByteSize())
            received.headers.append(dict(context.invocation_metadata()))
            answer = received.next_answer() or Answer(0)
            if answer.status == HANG:
                received.released.wait(60)
            elif answer.status != 0:
                context.set_trailing_metadata(
                    [("grpc-status-details-bin", answer.body)] if answer.body else []
                )
                codes = {code.value[0]: code for code in grpc.StatusCode}
                context.abort(codes[answer.status], answer.headers.get("message", "refused"))
            received.take(request)
            return Response.FromString(answer.body)

    pool = futures.ThreadPoolExecutor(max_workers=4)
    server = grpc.server(pool)
    metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(Servicer(), server)
    if tls is None:
        received.endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    else:
        credentials = grpc.ssl_server_credentials(
            [(tls.key.read_bytes(), tls.certificate.read_bytes())],
            tls.clients.read_bytes(),
            require_client_auth=True,
        )
        port = server.add_secure_port("localhost:0", credentials)
        received.endpoint = f"https://localhost:{port}"
    server.start()
    try:
        yield received
    finally:
        received.released.set()
        server.stop(None).wait(10)
        pool.shutdown()
