"""Scrapes that arrive together at a real server."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from support.blocked_collector import BlockedCollector
from support.raw_clients import PATIENCE, connect
from support.waiting import wait_until
from vitalspan.serve.server import MetricsServer, start_http_server


class Renderings(Collector):
    """Counts how often it is asked, and shows that."""

    def __init__(self) -> None:
        self.count = 0

    def describe(self) -> list[Any]:
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        self.count += 1
        yield GaugeMetricFamily("renderings", "Renderings.", self.count)


@pytest.fixture
def renderings(registry: CollectorRegistry) -> Renderings:
    renderings = Renderings()
    registry.register(renderings)
    return renderings


@contextlib.contextmanager
def scrapes(
    server: MetricsServer, number: int, query: str = "", headers: str = "", method: str = "GET"
) -> Iterator[list[socket.socket]]:
    """So many scrapes that have been sent."""
    request = f"{method} /metrics{query} HTTP/1.1\r\nHost: a\r\n{headers}\r\n".encode()
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(server)) for _ in range(number)]
        for client in clients:
            client.sendall(request)
        yield clients


def response(client: socket.socket, method: str = "GET") -> tuple[int, bytes]:
    response = http.client.HTTPResponse(client, method=method)
    response.begin()
    body = response.read()
    if response.getheader("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    return response.status, body


def waiting(server: MetricsServer, number: int) -> bool:
    return wait_until(lambda: server._handler._scrapes._scrapes == number)


def test_two_hundred_at_once_are_all_answered(
    registry: CollectorRegistry, renderings: Renderings
) -> None:
    with (
        start_http_server(0, registry=registry, timeout=PATIENCE) as server,
        scrapes(server, 200) as clients,
    ):
        answers = [response(client) for client in clients]
    assert [status for status, _ in answers] == [200] * 200
    assert all(b"\nrenderings " in body for _, body in answers)


def test_those_that_come_while_one_renders_share_the_next(
    registry: CollectorRegistry, renderings: Renderings
) -> None:
    blocked = BlockedCollector()
    registry.register(blocked)
    with (
        start_http_server(0, registry=registry, timeout=PATIENCE) as server,
        scrapes(server, 1) as (first,),
    ):
        assert blocked.entered.acquire(timeout=PATIENCE)
        with scrapes(server, 200) as clients:
            assert waiting(server, 201)
            blocked.go_on.set()
            _, body = response(first)
            assert b"\nrenderings 1.0\n" in body
            # One that hung for a second would have let a second one begin beside it.
            answers = [response(client) for client in clients]
            assert [status for status, _ in answers] == [200] * 200
            assert len({body for _, body in answers}) == 1
            assert b"\nrenderings 2.0\n" in answers[0][1]
    assert renderings.count == 2


def test_what_is_asked_for_differently_is_rendered_for_itself(
    registry: CollectorRegistry, renderings: Renderings
) -> None:
    blocked = BlockedCollector()
    registry.register(blocked)
    openmetrics = "Accept: application/openmetrics-text\r\n"
    with (
        start_http_server(0, registry=registry, timeout=PATIENCE) as server,
        scrapes(server, 3) as plain,
        scrapes(server, 3, headers=openmetrics) as others,
        scrapes(server, 3, headers="Accept-Encoding: gzip\r\n") as compressed,
        scrapes(server, 3, "?name[]=renderings&name[]=a") as filtered,
        scrapes(server, 3, "?name[]=a&name[]=renderings") as the_same,
        scrapes(server, 3, method="HEAD") as heads,
    ):
        assert waiting(server, 18)
        blocked.go_on.set()
        bodies = {
            name: {response(client)[1] for client in clients}
            for name, clients in (
                *(("plain", plain), ("openmetrics", others), ("compressed", compressed)),
                *(("filtered", filtered), ("the same", the_same)),
            )
        }
        for client in heads:
            assert response(client, "HEAD") == (200, b"")
    assert all(body.endswith(b"# EOF\n") for body in bodies["openmetrics"])
    assert all(b"apples" in body for body in bodies["plain"] | bodies["compressed"])
    assert not any(b"apples" in body for body in bodies["filtered"] | bodies["the same"])
    assert not bodies["plain"] & bodies["compressed"]
    # Two of each at most: the first to come and all that came meanwhile.
    assert renderings.count <= 2 * 4


def test_a_scrape_never_sees_what_was_before_it(registry: CollectorRegistry) -> None:
    class Present(Collector):
        value = 0

        def describe(self) -> list[Any]:
            return []

        def collect(self) -> Iterator[GaugeMetricFamily]:
            yield GaugeMetricFamily("present", "The present.", self.value)

    present = Present()
    registry.register(present)
    with start_http_server(0, registry=registry, timeout=PATIENCE) as server:
        for value in range(50):
            present.value = value
            with scrapes(server, 4) as clients:
                for client in clients:
                    assert f"\npresent {value}.0\n".encode() in response(client)[1]
