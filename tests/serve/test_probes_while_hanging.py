"""Probes answer while scrapes and ticks hang; what hangs still does when the answer has come."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

import vitalspan as vs
from support.application_clients import converse
from support.blocked_collector import BlockedCollector
from support.waiting import wait_until
from support.watched import Watched
from vitalspan.living_monitors import monitors_of
from vitalspan.serve.asgi import make_asgi_app
from vitalspan.serve.server import MetricsServer, start_http_server

PATIENCE = 120.0
PATHS = ("/-/live", "/-/ready", "/health")
SCRAPE = b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


@pytest.fixture
def blocked() -> Iterator[BlockedCollector]:
    collector = BlockedCollector()
    yield collector
    collector.go_on.set()


@pytest.fixture
def watched() -> Watched:
    """A service that has been looked at, once, and that nothing ticks by itself."""
    watched = Watched(tick_interval=0)
    watched.call(times=50)
    watched.tick()
    return watched


@contextlib.contextmanager
def serving(registry: CollectorRegistry, **options: Any) -> Iterator[MetricsServer]:
    with start_http_server(0, registry=registry, timeout=PATIENCE, **options) as server:
        yield server


@contextlib.contextmanager
def scrape(server: MetricsServer, query: str = "") -> Iterator[socket.socket]:
    """A scrape that has been sent."""
    with socket.create_connection((server.address, server.port), PATIENCE) as client:
        client.sendall(SCRAPE.replace(b"/metrics", f"/metrics{query}".encode()))
        yield client


def waits(client: socket.socket) -> bool:
    """Whether nothing has been answered yet."""
    client.setblocking(False)
    try:
        client.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    finally:
        client.settimeout(PATIENCE)
    return False


def answer(client: socket.socket) -> bytes:
    received = b""
    while part := client.recv(65536):
        received += part
    return received


def status(server: MetricsServer, path: str) -> int:
    connection = http.client.HTTPConnection(server.address, server.port, timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request("GET", path, headers={"Connection": "close"})
        response = connection.getresponse()
        response.read()
        return response.status


def probed(server: MetricsServer) -> list[int]:
    return [status(server, path) for path in PATHS]


@contextlib.contextmanager
def stuck_tick(watched: Watched, blocked: BlockedCollector) -> Iterator[threading.Thread]:
    """A tick that waits inside something blocked."""
    watched.clock.advance(5.0)
    tick = threading.Thread(target=watched.monitor.tick)
    tick.start()
    assert blocked.entered.acquire(timeout=PATIENCE)
    try:
        yield tick
    finally:
        blocked.go_on.set()
        tick.join(PATIENCE)


def test_a_scrape_that_hangs(watched: Watched, blocked: BlockedCollector) -> None:
    watched.registry.register(blocked)
    with serving(watched.registry) as server, scrape(server) as client:
        assert blocked.entered.acquire(timeout=PATIENCE)
        assert probed(server) == [200, 200, 200]
        assert waits(client)
        blocked.go_on.set()
        assert answer(client).startswith(b"HTTP/1.1 200")


def test_a_tick_that_hangs_in_a_collector(watched: Watched, blocked: BlockedCollector) -> None:
    watched.monitor.rules.add(alert="Queue", series="queue_length", above=1)
    watched.registry.register(blocked)
    with serving(watched.registry) as server, stuck_tick(watched, blocked) as tick:
        assert probed(server) == [200, 200, 200]
        assert tick.is_alive()


def test_a_tick_that_hangs_in_a_rule(
    watched: Watched, blocked: BlockedCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    def evaluate(*_: object) -> None:
        blocked.collect()

    monkeypatch.setattr(watched.monitor.evaluation.engine, "evaluate", evaluate)
    with (
        serving(watched.registry) as server,
        stuck_tick(watched, blocked) as tick,
        # It wants the lock that the tick has.
        scrape(server) as client,
    ):
        assert wait_until(lambda: server._loop.connection_count)
        assert probed(server) == [200, 200, 200]
        assert waits(client)
        assert tick.is_alive()
        blocked.go_on.set()
        assert answer(client).startswith(b"HTTP/1.1 200")


def test_every_lock_is_taken(watched: Watched) -> None:
    held = threading.Event()
    let_go = threading.Event()
    watch = watched.monitor.evaluation

    def hold() -> None:
        with watch._lock, watch._ticking, watched.registry._lock:
            held.set()
            assert let_go.wait(PATIENCE)

    holder = threading.Thread(target=hold)
    with serving(watched.registry) as server:
        holder.start()
        try:
            assert held.wait(PATIENCE)
            assert probed(server) == [200, 200, 200]
            assert holder.is_alive()
        finally:
            let_go.set()
            holder.join(PATIENCE)


def test_an_event_loop_whose_threads_all_hang(blocked: BlockedCollector) -> None:
    registry = CollectorRegistry()
    registry.register(blocked)
    app = make_asgi_app(registry)

    def get(path: str) -> Any:
        scope = {"type": "http", "method": "GET", "path": path, "headers": []}
        return asyncio.wait_for(converse(app, scope), PATIENCE)

    async def talk() -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        scrapes = [asyncio.ensure_future(get("/metrics")) for _ in range(3)]
        with ThreadPoolExecutor(1) as aside:
            assert await loop.run_in_executor(aside, blocked.entered.acquire, True, PATIENCE)
        answers = [await get(path) for path in PATHS]
        assert [sent[0]["status"] for sent in answers] == [200, 200, 200]
        assert not any(one.done() for one in scrapes)
        blocked.go_on.set()
        assert [sent[0]["status"] for sent in await asyncio.gather(*scrapes)] == [200] * 3

    asyncio.run(talk())


# --- many


@pytest.mark.parametrize(("connections", "scrapes"), [(2, 1), (8, 7), (32, 28)])
def test_scrapes_that_hang_leave_room(
    blocked: BlockedCollector, connections: int, scrapes: int
) -> None:
    registry = CollectorRegistry()
    registry.register(blocked)
    with (
        serving(registry, max_connections=connections) as server,
        contextlib.ExitStack() as stack,
    ):
        # Each asks for something else, so each has a rendering of its own.
        queries = [f"?name[]={number}" for number in range(scrapes)]
        clients = [stack.enter_context(scrape(server, query)) for query in queries]
        for _ in clients:
            assert blocked.entered.acquire(timeout=PATIENCE)
        for path in ("/metrics", *PATHS, "/metrics"):
            # The last connection may need a moment to end.
            free = wait_until(lambda: server._loop.connection_count == scrapes)
            assert free
            assert status(server, path) == (503 if path == "/metrics" else 200)
        assert all(map(waits, clients))
        blocked.go_on.set()
        assert all(answer(client).startswith(b"HTTP/1.1 200") for client in clients)
        assert wait_until(lambda: status(server, "/metrics") == 200)


def test_scrapes_that_wait_for_one_that_hangs_leave_room(blocked: BlockedCollector) -> None:
    registry = CollectorRegistry()
    registry.register(blocked)
    with serving(registry, max_connections=16) as server, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(scrape(server)) for _ in range(14)]
        assert blocked.entered.acquire(timeout=PATIENCE)
        for path in ("/metrics", *PATHS):
            assert wait_until(lambda: server._loop.connection_count == 14)
            assert status(server, path) == (503 if path == "/metrics" else 200)
        blocked.go_on.set()
        assert all(answer(client).startswith(b"HTTP/1.1 200") for client in clients)


def test_the_only_connection_may_scrape(blocked: BlockedCollector) -> None:
    registry = CollectorRegistry()
    with serving(registry, max_connections=1) as server:
        assert status(server, "/metrics") == 200


def test_a_scrape_too_many_is_refused_by_head_as_well(blocked: BlockedCollector) -> None:
    registry = CollectorRegistry()
    registry.register(blocked)
    with serving(registry, max_connections=2) as server, scrape(server):
        assert blocked.entered.acquire(timeout=PATIENCE)
        with socket.create_connection((server.address, server.port), PATIENCE) as client:
            client.sendall(SCRAPE.replace(b"GET", b"HEAD"))
            said = answer(client)
        blocked.go_on.set()
        assert said.startswith(b"HTTP/1.1 503")
        assert said.endswith(b"\r\n\r\n")


def test_a_thousand_requests(watched: Watched) -> None:
    statuses: list[int] = []
    with serving(watched.registry) as server:
        for _ in range(100):
            statuses += probed(server)
        connection = http.client.HTTPConnection(server.address, server.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            for number in range(700):
                connection.request("GET", PATHS[number % 3])
                response = connection.getresponse()
                response.read()
                statuses.append(response.status)
            assert server._loop.connection_count <= 32
        assert wait_until(lambda: not server._loop.connection_count)
    assert statuses == [200] * 1000
    assert watched.monitor.evaluation.ticks == 1


def test_a_monitor_that_is_made_meanwhile(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Changing:
        """A set that another thread adds to while it is read for the first time."""

        def __init__(self) -> None:
            self.read = 0

        def __iter__(self) -> Iterator[vs.Monitor]:
            self.read += 1
            yield watched.monitor
            if self.read == 1:
                raise RuntimeError("Set changed size during iteration")

    living = Changing()
    monkeypatch.setattr("vitalspan.living_monitors._living", living)
    assert monitors_of(watched.registry) == [watched.monitor]
    assert living.read == 2
