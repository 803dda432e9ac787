"""The metrics inside an application of a framework, and starts that fail half way."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter

import vitalspan as vs
from support.application_clients import converse
from support.ports import free_port

starlette_applications = pytest.importorskip("starlette.applications")


@pytest.fixture
def shop_registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    Counter("apples", "Apples.", registry=registry).inc(3)
    return registry


def applications() -> list[Any]:
    fastapi = pytest.importorskip("fastapi")
    return [starlette_applications.Starlette, fastapi.FastAPI]


async def get(app: Any, path: str) -> tuple[int, bytes]:
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"shop")],
        "scheme": "http",
        "server": ("shop", 80),
        "client": ("127.0.0.1", 1),
        "http_version": "1.1",
    }
    sent = await converse(app, scope)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], body


@pytest.mark.parametrize("make", applications(), ids=lambda make: make.__name__)
def test_a_route_is_answered_without_a_redirect(
    make: Any, shop_registry: CollectorRegistry, run: Any
) -> None:
    app = make()
    app.add_route("/metrics", vs.make_asgi_app(shop_registry))
    status, body = run(get(app, "/metrics"))
    assert status == 200
    assert b"apples_total 3.0" in body


@pytest.mark.parametrize("make", applications(), ids=lambda make: make.__name__)
def test_it_can_be_mounted(make: Any, shop_registry: CollectorRegistry, run: Any) -> None:
    app = make()
    app.mount("/metrics", vs.make_asgi_app(shop_registry))
    assert run(get(app, "/metrics/"))[0] == 200
    assert run(get(app, "/metrics/-/live")) == (200, b"vitalspan is alive\n")


def test_the_server_takes_a_slash_at_the_end(shop_registry: CollectorRegistry) -> None:
    with vs.start_http_server(0, registry=shop_registry) as server:
        for path in ("/metrics", "/metrics/"):
            with socket.create_connection(("127.0.0.1", server.port), timeout=60) as client:
                client.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
                answer = b"".join(iter(lambda c=client: c.recv(65536), b""))  # type: ignore[misc]
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
            assert b"apples_total 3.0" in answer


def test_the_first_free_port_of_several(shop_registry: CollectorRegistry) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        last = min(port + 20, 65535)
        with vs.start_http_server(f"{port}-{last}", registry=shop_registry) as server:
            assert port < server.port <= last
        with vs.start_http_server(range(port, last + 1), registry=shop_registry) as server:
            assert port < server.port <= last
        with pytest.raises(OSError, match=f"every port from {port} to {port} is taken|in use"):
            vs.start_http_server(range(port, port + 1), registry=shop_registry)


@pytest.mark.parametrize("port", ["9464", "9-", "a-b", "70000-70001", range(0), 3.5, range(5000)])
def test_ports_that_cannot_be(port: Any) -> None:
    with pytest.raises(vs.ConfigurationError, match="give a whole number from 0 to 65535"):
        vs.start_http_server(port)


def test_a_start_without_threads_leaves_the_port_free(
    monkeypatch: pytest.MonkeyPatch, shop_registry: CollectorRegistry
) -> None:
    port = free_port()

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            vs.start_http_server(port, registry=shop_registry)
    with vs.start_http_server(port, registry=shop_registry) as server:
        assert server.port == port


def test_a_ticker_that_cannot_start_closes_the_server(
    monkeypatch: pytest.MonkeyPatch, shop_registry: CollectorRegistry
) -> None:
    port = free_port()
    monitor = vs.Monitor(registry=shop_registry, system_metrics=False)
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name == "vitalspan-tick":
            raise RuntimeError("can't start new thread")
        start(thread)

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        for _ in range(2):
            with pytest.raises(RuntimeError, match="can't start new thread"):
                vs.start_http_server(port, registry=shop_registry)
        assert not monitor.evaluation.ticker.running
    with vs.start_http_server(port, registry=shop_registry):
        assert monitor.evaluation.ticker.running
    monitor.close()
