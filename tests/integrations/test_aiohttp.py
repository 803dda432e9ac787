"""What aiohttp alone has: its websockets, and responses that its server cannot write."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
import websockets.sync.client as websocket_client
from aiohttp import web

import vitalspan as vs
from support.aiohttp_application import aiohttp_serving, aiohttp_shop
from support.http_frameworks import RunningShop
from support.uvicorn_server import ask
from support.waiting import wait_until
from vitalspan.integrations.aiohttp import instrument


@pytest.fixture
def shop(running: Callable[[str], RunningShop]) -> RunningShop:
    return running("aiohttp")


def test_a_handler_that_returns_nothing(shop: RunningShop) -> None:
    def request() -> None:
        # Some versions close the connection, others answer 500.
        with contextlib.suppress(OSError):
            ask(shop.port, "GET", "/nothing")

    call = shop.call_after(request)
    assert (call.operation, call.outcome, call.error_type) == ("GET /nothing", "error", "500")


def test_a_websocket(shop: RunningShop) -> None:
    def chat() -> None:
        with websocket_client.connect(f"ws://127.0.0.1:{shop.port}/chat") as client:
            client.send("tea")
            assert client.recv() == "tea"

    call = shop.call_after(chat)
    assert (call.operation, call.labels["status"]) == ("WEBSOCKET /chat", "1xx")
    assert call.measures == {"messages_received": 1, "messages_sent": 1}


def test_the_messages_of_a_websocket_are_counted_however_they_are_sent(shop: RunningShop) -> None:
    def dictate() -> None:
        with websocket_client.connect(f"ws://127.0.0.1:{shop.port}/dictate") as client:
            client.send('{"text": "tea"}')
            client.send(b"tea")
            assert list(client) == ['{"heard": 1}', b"tea"]

    call = shop.call_after(dictate)
    assert call.operation == "WEBSOCKET /dictate"
    assert call.measures == {"messages_received": 2, "messages_sent": 2}


def test_a_response_that_cannot_be_written(monitor: vs.Monitor) -> None:
    app = aiohttp_shop()
    instrument(app, monitor=monitor)

    async def refuse(*_: Any) -> None:
        raise ConnectionResetError("the client has gone")

    app.on_response_prepare.append(refuse)
    with aiohttp_serving(app) as port:
        with pytest.raises(OSError):  # noqa: PT011 - the server closes the connection
            ask(port, "GET", "/orders/7")
        wait_until(monitor.recent_calls)
    assert monitor.recent_calls()[-1].outcome == "cancelled"


def test_an_application_that_runs_is_refused(monitor: vs.Monitor) -> None:
    app = web.Application()
    app.freeze()
    with pytest.raises(vs.ConfigurationError, match="is already running"):
        instrument(app, monitor=monitor)
