"""The same application on every ASGI server, over a socket: the series are the same on each."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from functools import partial

import pytest
import websockets.sync.client as websocket_client
from websockets.exceptions import ConnectionClosed, InvalidStatus

from support.http_servers import ASGI_SERVERS, ServedShop, running_server
from support.long_runs import LONG
from support.many_requests import asked_by_hey, many_requests
from support.uvicorn_server import ask, leave_early
from support.waiting import wait_until

pytestmark = pytest.mark.once


REQUESTS = 100_000 if LONG else 1_000
"""Requests that each of the servers answers when requests are counted."""


@pytest.fixture(scope="module", params=ASGI_SERVERS)
def shop(request: pytest.FixtureRequest) -> Iterator[ServedShop]:
    with running_server(request.param) as served:
        yield served


@pytest.mark.parametrize(
    ("method", "path", "status", "call"),
    [
        ("GET", "/orders/7", 200, "GET /orders/{order_id:int} 2xx"),
        ("HEAD", "/orders/7", 200, "HEAD /orders/{order_id:int} 2xx"),
        ("GET", "/stream", 200, "GET /stream 2xx"),
        ("GET", "/api/v1/users/ada", 200, "GET /api/v1/users/{name} 2xx"),
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


def test_of_many_requests_none_is_lost_and_none_counts_twice(shop: ServedShop) -> None:
    calls = {
        ("GET", "/orders/7", 200): "GET /orders/{order_id:int} 2xx",
        ("HEAD", "/orders/8", 200): "HEAD /orders/{order_id:int} 2xx",
        ("GET", "/api/v1/users/ada", 200): "GET /api/v1/users/{name} 2xx",
        ("GET", "/wp-login.php", 404): "GET 4xx",
        ("DELETE", "/orders/7", 405): "DELETE 4xx",
    }
    each = REQUESTS // len(calls)

    def ask_all() -> None:
        requests = [(method, path) for method, path, _ in calls]
        answers = many_requests(shop.port, requests, REQUESTS)
        assert answers == {" ".join(map(str, request)): each for request in calls}

    shop.expect(ask_all, *[call for call in calls.values() for _ in range(each)])


def test_requests_of_another_load_generator_are_counted_exactly(shop: ServedShop) -> None:
    def ask_all() -> None:
        answers = asked_by_hey(shop.port, "/orders/7", REQUESTS)
        if answers is None:
            answers = many_requests(shop.port, [("GET", "/orders/7")], REQUESTS)
        assert answers.total() == REQUESTS

    shop.expect(ask_all, *["GET /orders/{order_id:int} 2xx"] * REQUESTS)


def test_the_lifespan_reaches_the_application(shop: ServedShop) -> None:
    def request() -> None:
        with socket.create_connection(("127.0.0.1", shop.port)) as client:
            client.sendall(b"GET /started HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")
            answer = client.makefile("rb").read()
        assert b"not started" not in answer
        assert b"started" in answer

    shop.expect(request, "GET /started 2xx")


def test_a_background_task(shop: ServedShop) -> None:
    request = partial(ask, shop.port, "POST", "/mail/ada")
    shop.expect(request, "POST /mail/{to} 2xx", "send_mail")


def test_a_background_task_that_fails(shop: ServedShop) -> None:
    def request() -> None:
        # Some servers break off the connection, although the response was complete.
        with contextlib.suppress(OSError):
            ask(shop.port, "POST", "/mail/nobody")

    shop.expect(request, "POST /mail/{to} 2xx", "send_mail LookupError")


def test_a_client_that_leaves_server_sent_events(shop: ServedShop) -> None:
    shop.expect(lambda: leave_early(shop.port, "/events"), "GET /events 2xx cancelled")


def test_a_client_that_leaves_before_the_answer(shop: ServedShop) -> None:
    def leave() -> None:
        with socket.create_connection(("127.0.0.1", shop.port)) as client:
            client.sendall(b"GET /held HTTP/1.1\r\nHost: shop\r\n\r\n")
            wait_until(lambda: shop.requests()[1] == 1)
        if not is_told:
            ask(shop.port, "GET", "/release")

    # Others tell the application only if it asks, which this one does not: it runs to its end.
    is_told = shop.server == "gunicorn"
    calls = ["GET /held cancelled"] if is_told else ["GET /held 2xx", "GET /release 2xx"]
    shop.expect(leave, *calls)


def test_a_websocket(shop: ServedShop) -> None:
    def talk() -> None:
        with websocket_client.connect(f"ws://127.0.0.1:{shop.port}/chat/tea") as client:
            client.send("hello")
            assert client.recv() == "hello"
            client.send("bye")
            with pytest.raises(ConnectionClosed):
                client.recv()

    shop.expect(talk, "WEBSOCKET /chat/{room} 1xx")


def test_a_websocket_that_fails(shop: ServedShop) -> None:
    def fail() -> None:
        with websocket_client.connect(f"ws://127.0.0.1:{shop.port}/chat/tea") as client:
            client.send("fail")
            with pytest.raises(ConnectionClosed):
                client.recv()

    shop.expect(fail, "WEBSOCKET /chat/{room} 1xx ValueError")


def test_a_websocket_that_no_route_takes(shop: ServedShop) -> None:
    def knock() -> None:
        with pytest.raises(InvalidStatus):
            websocket_client.connect(f"ws://127.0.0.1:{shop.port}/nowhere")

    shop.expect(knock, "WEBSOCKET 4xx")
