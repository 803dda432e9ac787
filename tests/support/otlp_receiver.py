"""Receivers of spans by OTLP for tests, over HTTP and gRPC, on free loopback ports."""

from __future__ import annotations

import contextlib
import importlib
import os
import threading
from collections.abc import Iterator
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


class Receiver:
    """The requests that an OTLP receiver got.

    Attributes:
        endpoint: the address that it listens on.
        paths: the paths of the requests.
        spans: the name of each span with the attributes of its resource.
        attributes: the name of each span with its own attributes.
        traces: the ids of all traces, in the format of exemplars.
    """

    def __init__(self) -> None:
        self.endpoint = ""
        self.paths: list[str] = []
        self.spans: dict[str, dict[str, str]] = {}
        self.attributes: dict[str, dict[str, str]] = {}
        self.traces: set[str] = set()

    def take(self, request: Any) -> None:
        for group in request.resource_spans:
            resource = _texts(group.resource.attributes)
            for scope in group.scope_spans:
                for span in scope.spans:
                    self.spans[span.name] = resource
                    self.attributes[span.name] = _texts(span.attributes)
                    self.traces.add(span.trace_id.hex())


def _texts(attributes: Any) -> dict[str, str]:
    return {one.key: one.value.string_value for one in attributes}


def needed(module: str) -> Any:
    """Import a module; without it, the test is skipped, or fails if it is required."""
    try:
        return importlib.import_module(module)
    except ImportError as missing:
        if os.environ.get("VITALSPAN_NO_SKIP") == "1":
            pytest.fail(str(missing))
        pytest.skip(str(missing))


@contextlib.contextmanager
def run_http_receiver() -> Iterator[Receiver]:
    """Receive by HTTP until the end."""
    needed("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    service = needed("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    received = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.paths.append(self.path)
            received.take(service.ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        received.endpoint = f"http://127.0.0.1:{server.server_port}"
        try:
            yield received
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def run_grpc_receiver() -> Iterator[Receiver]:
    """Receive by gRPC until the end."""
    needed("opentelemetry.exporter.otlp.proto.grpc.trace_exporter")
    grpc = needed("grpc")
    name = "opentelemetry.proto.collector.trace.v1.trace_service_pb2"
    service = needed(name)
    stubs = needed(f"{name}_grpc")
    received = Receiver()

    class Servicer(stubs.TraceServiceServicer):  # type: ignore[misc, name-defined]
        def Export(self, request: Any, context: Any) -> Any:
            received.take(request)
            return service.ExportTraceServiceResponse()

    server = grpc.server(futures.ThreadPoolExecutor(max_workers=2))
    stubs.add_TraceServiceServicer_to_server(Servicer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    received.endpoint = f"http://127.0.0.1:{port}"
    try:
        yield received
    finally:
        server.stop(None).wait(10)
