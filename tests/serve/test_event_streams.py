"""Events that pages follow: who gets them, when they end, and that nobody is held up by them."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

import vitalspan as vs
from support.raw_clients import PATIENCE, ask
from vitalspan.serve.event_streams import EventStreams
from vitalspan.serve.server import MetricsServer, start_http_server

pytestmark = pytest.mark.usefixtures("quiet")


class Steps:
    """A wait that ends when a test says so."""

    def __init__(self) -> None:
        self.go = threading.Semaphore(0)

    def __call__(self, ended: threading.Event, seconds: float) -> bool:
        assert 1 <= seconds <= 15
        self.go.acquire(timeout=PATIENCE)
        return ended.is_set()


@pytest.fixture
def shop(registry: CollectorRegistry) -> Iterator[vs.Monitor]:
    monitor = vs.Monitor(registry=registry, system_metrics=False, tick_interval=0)
    yield monitor
    monitor.close()


def follow(server: MetricsServer) -> tuple[socket.socket, Any]:
    client = socket.create_connection((server.address, server.port), timeout=PATIENCE)
    client.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return client, client.makefile("rb")


def next_event(lines: Any) -> dict[str, Any]:
    for line in lines:
        if line.startswith(b"data: "):
            status: dict[str, Any] = json.loads(line[6:])
            return status
    raise AssertionError("the stream has ended")


def test_events_come_until_the_client_goes(shop: vs.Monitor, server: MetricsServer) -> None:
    streams = server._handler._streams
    client, lines = follow(server)
    head = [lines.readline() for _ in range(3)]
    assert head[0].startswith(b"HTTP/1.1 200 ")
    assert next_event(lines)["status"] == "no_data"
    assert streams.count == 1
    # Whoever follows holds nobody up.
    assert ask(server)[0] == 200
    client.close()
    lines.close()
    wait_until_nobody_follows(streams)


def wait_until_nobody_follows(streams: EventStreams) -> None:
    for _ in range(1000):
        if not streams.count:
            return
        threading.Event().wait(0.01)
    raise AssertionError("somebody still follows")


def test_closing_the_server_ends_the_streams(shop: vs.Monitor, registry: CollectorRegistry) -> None:
    with start_http_server(0, registry=registry, timeout=PATIENCE) as server:
        client, lines = follow(server)
        next_event(lines)
    with client, lines:
        assert all(not line.startswith(b"HTTP") for line in lines)


def test_there_is_room_for_so_many(shop: vs.Monitor, registry: CollectorRegistry) -> None:
    with start_http_server(0, registry=registry, timeout=PATIENCE, max_connections=8) as server:
        clients = [follow(server) for _ in range(2)]
        for _, lines in clients:
            next_event(lines)
        status, _, body = ask(server, path="/api/v1/events")
        assert (status, b"too many event streams" in body) == (503, True)
        for client, lines in clients:
            client.close()
            lines.close()


def test_one_thread_feeds_all_and_ends_without_anybody(registry: CollectorRegistry) -> None:
    monitor = vs.Monitor(registry=registry, system_metrics=False, tick_interval=0)
    wait, sent = Steps(), threading.Semaphore(0)
    streams = EventStreams(registry, wait=wait)
    got: list[list[bytes]] = [[], []]
    ends = []
    for each in got:
        opened = streams.open()
        assert opened is not None
        response, end = opened
        assert response.begin_stream is not None

        def push(data: bytes, each: list[bytes] = each) -> None:
            each.append(data)
            sent.release()

        response.begin_stream(push)
        ends.append(end)
    assert sent.acquire(timeout=PATIENCE)
    wait.go.release()
    for _ in range(2):
        assert sent.acquire(timeout=PATIENCE)
    assert all(each for each in got)
    [feeder] = [one for one in threading.enumerate() if one.name == "vitalspan-events"]
    for end in ends:
        end()
    wait.go.release()
    feeder.join(PATIENCE)
    assert not feeder.is_alive()
    monitor.close()


def test_events_of_an_asgi_application(shop: vs.Monitor, registry: CollectorRegistry) -> None:
    app = vs.make_asgi_app(registry, page=True)
    sent: list[dict[str, Any]] = []

    async def talk() -> None:
        heard = asyncio.Event()

        async def receive() -> dict[str, Any]:
            await heard.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)
            if b"data: " in message.get("body", b""):
                heard.set()

        scope = {"type": "http", "method": "GET", "path": "/m/api/v1/events", "root_path": "/m"}
        await app(scope | {"headers": []}, receive, send)  # type: ignore[arg-type]

    asyncio.run(asyncio.wait_for(talk(), PATIENCE))
    assert dict(sent[0]["headers"])[b"content-type"] == b"text/event-stream"
    assert sent[1]["body"] == b"retry: 3000\n\n"
    assert json.loads(sent[2]["body"].split(b"data: ")[1])["pid"]
