"""Starlette, FastAPI and Litestar, driven over a socket: what is recorded of each request."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from typing import Any
from unittest.mock import MagicMock

import pytest
import websockets.sync.client as websocket_client
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from websockets.exceptions import ConnectionClosed

import vitalspan as vs
from support import asgi_applications
from support.uvicorn_server import ask, uvicorn_serving
from support.waiting import wait_until
from vitalspan.integrations import starlette
from vitalspan.integrations.asgi import Middleware
from vitalspan.integrations.background_tasks import MiddlewareWithTasks, record_tasks

FRAMEWORKS = ("starlette", "fastapi", "litestar")


class Shop:
    """A running application, and what is recorded of it."""

    def __init__(self, framework: str, monitor: vs.Monitor, port: int) -> None:
        self.framework = framework
        self.monitor = monitor
        self.port = port

    def ask(self, method: str, path: str) -> int:
        return ask(self.port, method, path)

    def value(self, metric: str, operation: str, status: str = "", **more: str) -> float:
        method, _, route = operation.partition(" ")
        labels = {"component": "http", "operation": operation, "method": method, **more}
        labels |= {"route": route} if route else {}
        labels |= {"status": status} if status else {}
        return self.monitor.registry.get_sample_value(metric, labels) or 0.0

    def count(self, operation: str, status: str = "2xx", **more: str) -> float:
        return self.value("operation_duration_seconds_count", operation, status, **more)

    def errors(self, operation: str, status: str, error_type: str) -> float:
        return self.value("operation_errors_total", operation, status, error_type=error_type)

    def cancelled(self, operation: str, status: str = "2xx") -> float:
        return self.value("operation_cancellations_total", operation, status)

    def in_progress(self) -> float:
        return sum(
            sample.value
            for family in self.monitor.registry.collect()
            for sample in family.samples
            if sample.name == "operation_in_progress"
        )


def order_route(framework: str) -> str:
    """The template as the framework has it."""
    return "/orders/{order_id:int}" if framework == "starlette" else "/orders/{order_id}"


@pytest.fixture(params=FRAMEWORKS, scope="module")
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    app = getattr(asgi_applications, f"{request.param}_shop")()
    monitor = vs.Monitor(registry=CollectorRegistry(), system_metrics=False)
    module = import_module(f"vitalspan.integrations.{request.param}")
    module.instrument(app, monitor=monitor, exclude=["/excluded"])
    module.instrument(app, monitor=monitor)  # a second time changes nothing
    with uvicorn_serving(app) as port:
        yield Shop(request.param, monitor, port)
    assert sum(monitor._recorder.internal_errors.counts.values()) == 0
    monitor.close()


def test_a_request_is_an_operation_by_method_and_template(shop: Shop) -> None:
    operation = f"GET {order_route(shop.framework)}"
    for order in (7, 8, 9):
        assert shop.ask("GET", f"/orders/{order}") == 200
    wait_until(lambda: shop.count(operation) == 3)


def test_what_matches_no_route_is_counted_by_method(shop: Shop) -> None:
    assert shop.ask("GET", "/wp-login.php") == 404
    assert shop.ask("GET", "/wp-admin") == 404
    assert shop.ask("DELETE", "/broken") == 405
    assert shop.ask("BREW", "/coffee") in (404, 405)
    wait_until(lambda: shop.count("GET", "4xx") == 2)
    wait_until(lambda: shop.count("DELETE", "4xx") == 1)
    wait_until(lambda: shop.count("_OTHER", "4xx") == 1)


def test_background_tasks_are_operations_of_their_own(shop: Shop) -> None:
    def value(metric: str, **more: str) -> float:
        labels = {"component": "background", "operation": "send_mail", **more}
        return shop.monitor.registry.get_sample_value(metric, labels) or 0.0

    asgi_applications.DONE.clear()
    assert shop.ask("POST", "/mail/ada") == 200
    with contextlib.suppress(Exception):
        shop.ask("POST", "/mail/nobody")
    wait_until(lambda: value("operation_duration_seconds_count") == 2)
    assert asgi_applications.DONE == ["ada"]
    assert value("operation_errors_total", error_type="LookupError") == 1
    wait_until(lambda: shop.count("POST /mail/{to}") == 2)
    sent = [call for call in shop.monitor.recent_calls() if call.operation == "POST /mail/{to}"]
    assert [call.outcome for call in sent] == ["ok", "ok"]


def test_a_websocket_is_one_call_with_its_messages(shop: Shop) -> None:
    operation = "WEBSOCKET /chat/{room}"
    before = shop.count(operation, "1xx")
    url = f"ws://127.0.0.1:{shop.port}/chat/tea"
    with websocket_client.connect(url) as client:
        for text in ("hello", "again"):
            client.send(text)
            assert client.recv() == f"tea: {text}"
        assert shop.in_progress() == 1
        client.send("bye")
        with pytest.raises(ConnectionClosed):
            client.recv()
    wait_until(lambda: shop.count(operation, "1xx") == before + 1)
    assert shop.value("operation_messages_received_total", operation, "1xx") >= 3
    assert shop.value("operation_messages_sent_total", operation, "1xx") >= 2


def test_a_websocket_whose_client_leaves_is_no_error_and_one_that_fails_is(shop: Shop) -> None:
    operation = "WEBSOCKET /chat/{room}"
    before = shop.count(operation, "1xx")
    url = f"ws://127.0.0.1:{shop.port}/chat/tea"
    with websocket_client.connect(url):
        pass
    wait_until(lambda: shop.count(operation, "1xx") == before + 1)
    assert shop.errors(operation, "1xx", "ValueError") == 0
    with websocket_client.connect(url) as client:
        client.send("fail")
        with pytest.raises(ConnectionClosed):
            client.recv()
    wait_until(lambda: shop.count(operation, "1xx") == before + 2)
    last = [call for call in shop.monitor.recent_calls() if call.operation == operation][-1]
    assert last.outcome == "error"


def test_nothing_stays_in_progress(shop: Shop) -> None:
    wait_until(lambda: shop.in_progress() == 0)


def test_an_application_that_has_answered_already(monitor: vs.Monitor) -> None:
    app = asgi_applications.starlette_shop()
    with uvicorn_serving(app) as port:
        assert ask(port, "GET", "/stream") == 200
        starlette.instrument(app, monitor=monitor)
        assert ask(port, "GET", "/stream") == 200
        wait_until(lambda: len(monitor.recent_calls()) == 1)


@pytest.mark.parametrize("framework", ["starlette", "fastapi"])
def test_metrics_that_are_mounted_need_no_redirect(framework: str, monitor: vs.Monitor) -> None:
    app = getattr(asgi_applications, f"{framework}_shop")()
    starlette.instrument(app, monitor=monitor, exclude=["/mounted", "/added"])
    app.mount("/mounted", vs.make_asgi_app(monitor.registry))
    app.add_route("/added", vs.make_asgi_app(monitor.registry))
    app.mount("/page", vs.make_asgi_app(monitor.registry, page=True))
    with uvicorn_serving(app) as port:
        for path in ("/mounted", "/mounted/", "/mounted/-/ready", "/added", "/added/"):
            assert ask(port, "GET", path) == 200
        assert ask(port, "GET", "/api") in (307, 404)  # what else is mounted is left alone
        assert ask(port, "GET", "/page") == 307  # its links are relative
        assert ask(port, "GET", "/page/") == 200
    assert len(monitor.recent_calls()) == 3


def test_a_mounted_application_that_is_instrumented_as_well_counts_once(
    monitor: vs.Monitor,
) -> None:
    inner, outer = asgi_applications.starlette_shop(), Starlette()
    outer.mount("/shop", inner)
    for app in (inner, outer):
        starlette.instrument(app, monitor=monitor)
    with uvicorn_serving(outer) as port:
        assert ask(port, "GET", "/shop/orders/7") == 200
        wait_until(monitor.recent_calls)
    [call] = monitor.recent_calls()
    assert call.operation == "GET /shop/orders/{order_id:int}"


def test_background_tasks_elsewhere_are_left_alone(monitor: vs.Monitor) -> None:
    starlette.instrument(Starlette(), monitor=monitor)
    asgi_applications.DONE.clear()
    asyncio.run(BackgroundTask(asgi_applications.send_mail, "ada")())
    assert asgi_applications.DONE == ["ada"]
    assert monitor.recent_calls() == []


def test_the_name_of_a_background_task(monitor: vs.Monitor) -> None:
    class Mailer:
        def __call__(self, to: str) -> None:
            asgi_applications.DONE.append(to)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await BackgroundTask(partial(asgi_applications.send_mail, "ada"))()
        await BackgroundTask(Mailer(), "bob")()
        await BackgroundTask(MagicMock())()

    starlette.instrument(Starlette(), monitor=monitor)
    middleware = MiddlewareWithTasks(app, monitor=monitor)
    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    asyncio.run(middleware(scope, _nothing, _nothing))
    names = [call.operation for call in monitor.recent_calls()]
    assert names[0] == "send_mail"
    assert names[1].endswith("Mailer")
    assert names[2] == "MagicMock"


def test_a_background_task_that_others_wrap_as_well_counts_once(monitor: vs.Monitor) -> None:
    class Task:
        func = staticmethod(asgi_applications.send_mail)

        async def __call__(self) -> None:
            await self.func("ada")

    record_tasks(Task, "func")
    ours = Task.__call__

    async def hidden(self: Any) -> None:
        await ours(self)

    Task.__call__ = hidden  # type: ignore[method-assign]
    record_tasks(Task, "func")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await Task()()
        await Task()()

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    asyncio.run(MiddlewareWithTasks(app, monitor=monitor)(scope, _nothing, _nothing))
    names = [call.operation for call in monitor.recent_calls()]
    assert names == ["send_mail", "send_mail", "GET"]


def noted() -> str:
    vs.current_call().set_attribute("order", "7")
    return "noted"


def starlette_with_threads() -> Any:
    from starlette.middleware import Middleware as Entry
    from starlette.middleware.base import BaseHTTPMiddleware
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    async def dispatch(request: Any, call_next: Any) -> Any:
        return await call_next(request)

    def in_a_thread(request: Any) -> Any:
        return PlainTextResponse(noted())

    async def in_a_task(request: Any) -> Any:
        return PlainTextResponse(noted())

    return Starlette(
        routes=[Route("/thread", in_a_thread), Route("/task", in_a_task)],
        middleware=[Entry(BaseHTTPMiddleware, dispatch=dispatch)],
    )


def fastapi_with_threads() -> Any:
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/thread")
    def in_a_thread() -> str:
        return noted()

    @app.get("/task")
    async def in_a_task() -> str:
        return await asyncio.create_task(_noted_later())

    return app


def litestar_with_threads() -> Any:
    from litestar import Litestar, get

    @get("/thread", sync_to_thread=True)
    def in_a_thread() -> str:
        return noted()

    @get("/task")
    async def in_a_task() -> str:
        return await asyncio.create_task(_noted_later())

    return Litestar([in_a_thread, in_a_task])


async def _noted_later() -> str:
    return noted()


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_current_call_is_the_request_in_threads_and_tasks_of_frameworks(
    framework: str, monitor: vs.Monitor
) -> None:
    app = globals()[f"{framework}_with_threads"]()
    import_module(f"vitalspan.integrations.{framework}").instrument(app, monitor=monitor)
    with uvicorn_serving(app) as port:
        for kind in ("thread", "task"):
            assert ask(port, "GET", f"/{kind}") == 200
        wait_until(lambda: len(monitor.recent_calls()) == 2)
    found = [(call.operation, call.attributes) for call in monitor.recent_calls()]
    assert found == [("GET /thread", {"order": "7"}), ("GET /task", {"order": "7"})]


def test_a_request_that_has_ended_is_no_current_call(monitor: vs.Monitor) -> None:
    tasks: list[asyncio.Task[str]] = []
    gate = asyncio.Event()

    async def later() -> str:
        await gate.wait()
        return noted()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        tasks.append(asyncio.create_task(later()))

    async def requests() -> None:
        scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
        await Middleware(app, monitor=monitor)(scope, _nothing, _nothing)
        gate.set()
        await tasks[0]

    asyncio.run(requests())
    [call] = monitor.recent_calls()
    assert not call.attributes


async def _nothing(*_: Any) -> Any:
    raise AssertionError
