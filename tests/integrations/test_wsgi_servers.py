"""The same application on every WSGI server, over a socket: the series are the same on each."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator

import pytest

from support.http_servers import WSGI_SERVERS, ServedShop, running_server
from support.long_runs import LONG
from support.many_requests import asked_by_hey
from support.uvicorn_server import ask, leave_early

pytestmark = pytest.mark.once

REQUESTS = 100_000 if LONG else 400
"""Requests that each of the servers answers when requests are counted."""


@pytest.fixture(scope="module", params=WSGI_SERVERS)
def shop(request: pytest.FixtureRequest) -> Iterator[ServedShop]:
    with running_server(request.param) as served:
        yield served


@pytest.mark.parametrize(
    ("method", "path", "status", "call"),
    [
        ("GET", "/orders/7", 200, "GET /orders/<int:order_id> 2xx"),
        ("HEAD", "/orders/7", 200, "HEAD /orders/<int:order_id> 2xx"),
        ("GET", "/stream", 200, "GET /stream 2xx"),
        ("GET", "/api/v1/users/ada", 200, "GET /api/v1/users/<name> 2xx"),
        ("GET", "/wp-login.php", 404, "GET 4xx"),
        ("DELETE", "/orders/7", 405, "DELETE 4xx"),
        ("PROPFIND", "/orders/7", 405, "_OTHER 4xx"),
        ("GET", "/broken", 500, "GET /broken 5xx ValueError"),
    ],
)
def test_a_request(shop: ServedShop, method: str, path: str, status: int, call: str) -> None:
    def request() -> None:
        assert ask(shop.port, method, path) == status

    shop.expect(request, call)


def test_requests_of_a_load_generator_are_counted_exactly(shop: ServedShop) -> None:
    def ask_all() -> None:
        answers = asked_by_hey(shop.port, "/orders/7", REQUESTS)
        if answers is None:
            answers = Counter(str(ask(shop.port, "GET", "/orders/7")) for _ in range(REQUESTS))
        assert answers == {"200": REQUESTS}

    shop.expect(ask_all, *["GET /orders/<int:order_id> 2xx"] * REQUESTS)


def test_a_stream_that_breaks(shop: ServedShop) -> None:
    def request() -> None:
        with contextlib.suppress(Exception):
            ask(shop.port, "GET", "/torn")

    shop.expect(request, "GET /torn 2xx ValueError")


def test_a_client_that_leaves(shop: ServedShop) -> None:
    shop.expect(lambda: leave_early(shop.port, "/endless"), "GET /endless 2xx cancelled")
