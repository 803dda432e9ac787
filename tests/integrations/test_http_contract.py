"""What the integration with every HTTP framework keeps, driven over a socket.

What one framework has and others have not is in the tests of its own.
"""

from __future__ import annotations

import contextlib
import urllib.request
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

import vitalspan as vs
from support.http_frameworks import FRAMEWORKS, RunningShop, running_shop
from support.uvicorn_server import ask, leave_early
from support.waiting import wait_until
from vitalspan.integrations.http_operations import HttpOptions

# By ASGI, Django closes the body of no request whose response breaks off.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in.*SpooledTemporaryFile:pytest.PytestUnraisableExceptionWarning"
)
every_framework = pytest.mark.parametrize("framework", FRAMEWORKS)


@pytest.fixture(params=FRAMEWORKS)
def shop(request: pytest.FixtureRequest, running: Callable[[str], RunningShop]) -> RunningShop:
    return running(request.param)


def ending(call: vs.CallRecord) -> tuple[str, str, str | None]:
    return call.operation, call.outcome, call.error_type


def test_a_request_is_an_operation_by_method_and_route(shop: RunningShop) -> None:
    call = shop.call_of("GET", shop.order_path, 200)
    assert ending(call) == (f"GET {shop.order_route}", "ok", None)
    assert call.component == "http"
    assert call.labels == {"method": "GET", "route": shop.order_route, "status": "2xx"}


@pytest.mark.parametrize(
    ("method", "path", "status", "operation", "outcome", "error_type"),
    [
        ("GET", "/stream", 200, "GET /stream", "ok", None),
        ("GET", "/wp-login.php", 404, "GET", "ok", None),
        ("PROPFIND", "/coffee", 404, "_OTHER", "ok", None),
        ("GET", "/broken", 500, "GET /broken", "error", "ValueError"),
        ("GET", "/unavailable", 503, "GET /unavailable", "error", "503"),
    ],
)
def test_how_a_request_ends(
    shop: RunningShop,
    method: str,
    path: str,
    status: int,
    operation: str,
    outcome: str,
    error_type: str | None,
) -> None:
    call = shop.call_of(method, path, status)
    assert ending(call) == (operation, outcome, error_type)
    assert call.labels["status"] == f"{status // 100}xx"
    assert call.labels.get("route", "") == operation.partition(" ")[2]


@pytest.mark.parametrize(
    ("framework", "method", "path", "status", "operation"),
    [
        ("aiohttp", "HEAD", "/orders/7", 200, "HEAD /orders/{order_id}"),
        ("aiohttp", "GET", "/api/v1/users/ada", 200, "GET /api/v1/users/{name}"),
        ("aiohttp", "GET", "/page", 200, "GET /page"),
        ("aiohttp", "POST", "/stream", 405, "POST"),
        ("django by asgi", "HEAD", "/orders/7/", 200, "HEAD /orders/<int:order_id>/"),
        ("django by asgi", "GET", "/api/v1/orders/7", 200, "GET /api/v1/orders/<int:order_id>"),
        ("django by wsgi", "HEAD", "/orders/7/", 200, "HEAD /orders/<int:order_id>/"),
        ("django by wsgi", "GET", "/api/v1/orders/7", 200, "GET /api/v1/orders/<int:order_id>"),
        ("fastapi", "GET", "/api/v1/users/ada", 200, "GET /api/v1/users/{name}"),
        ("fastapi", "GET", "/included/v1/users/ada", 200, "GET /included/v1/users/{name}"),
        ("fastapi", "POST", "/stream", 405, "POST"),
        ("flask", "HEAD", "/orders/7", 200, "HEAD /orders/<int:order_id>"),
        ("flask", "GET", "/api/v1/users/ada", 200, "GET /api/v1/users/<name>"),
        ("flask", "POST", "/stream", 405, "POST"),
        ("litestar", "GET", "/api/v1/acme/users/ada", 200, "GET /api/v1/{tenant}/users/{name}"),
        ("litestar", "POST", "/stream", 405, "POST"),
        ("starlette", "HEAD", "/orders/7", 200, "HEAD /orders/{order_id:int}"),
        ("starlette", "GET", "/api/v1/acme/users/ada", 200, "GET /api/v1/{tenant}/users/{name}"),
        ("starlette", "POST", "/stream", 405, "POST"),
    ],
)
def test_other_methods_and_routes_with_a_prefix(
    running: Callable[[str], RunningShop],
    framework: str,
    method: str,
    path: str,
    status: int,
    operation: str,
) -> None:
    call = running(framework).call_of(method, path, status)
    assert ending(call) == (operation, "ok", None)


def test_a_client_that_leaves_cancels_the_request(shop: RunningShop) -> None:
    call = shop.call_after(lambda: leave_early(shop.port, "/endless"))
    assert ending(call)[:2] == ("GET /endless", "cancelled")


def test_a_stream_that_breaks_is_an_error(shop: RunningShop) -> None:
    def request() -> None:
        with contextlib.suppress(Exception):
            ask(shop.port, "GET", "/torn")

    operation, outcome, error_type = ending(shop.call_after(request))
    assert (operation, outcome) == ("GET /torn", "error")
    # Litestar raises an exception of its own instead.
    assert error_type in ("ValueError", "litestar.exceptions.base_exceptions.LitestarException")


def test_excluded_paths_are_not_recorded(shop: RunningShop) -> None:
    before = len(shop.monitor.recent_calls())
    for path in ("/excluded", "/excluded/below"):
        assert ask(shop.port, "GET", path) == 404
    shop.call_of("GET", "/excluded-not", 404)
    assert len(shop.monitor.recent_calls()) == before + 1


@pytest.mark.parametrize("end", ["", "/-/ready", "/-/live", "/health"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_the_metrics_are_shown_with_and_without_a_slash_and_are_no_requests(
    shop: RunningShop, end: str, slash: str
) -> None:
    before = len(shop.monitor.recent_calls())
    assert ask(shop.port, "GET", f"/shown{end}{slash}") == 200
    assert ask(shop.port, "HEAD", f"/shown{end}{slash}") == 200
    assert len(shop.monitor.recent_calls()) == before


def test_what_is_shown_are_the_metrics_of_the_monitor(shop: RunningShop) -> None:
    shop.call_of("GET", shop.order_path, 200)
    with urllib.request.urlopen(f"http://127.0.0.1:{shop.port}/shown") as response:
        assert f'operation="GET {shop.order_route}"' in response.read().decode()
    # What else is below that path is the application's.
    assert shop.call_of("GET", "/shown/else", 404).labels["status"] == "4xx"


def test_the_page_is_shown_with_what_belongs_to_it_and_is_no_request(shop: RunningShop) -> None:
    before = len(shop.monitor.recent_calls())
    assert ask(shop.port, "GET", "/live") == 308  # its links are relative
    for path in ("/", "/static/main.js", "/api/v1/overview", "/metrics", "/-/ready", "/health/"):
        assert ask(shop.port, "GET", f"/live{path}") == 200
    assert ask(shop.port, "GET", "/live/else") == 404
    with urllib.request.urlopen(f"http://127.0.0.1:{shop.port}/live") as response:
        assert response.url == f"http://127.0.0.1:{shop.port}/live/"
        assert b"static/main.js" in response.read()
    assert len(shop.monitor.recent_calls()) == before
    shop.call_of("GET", "/lively", 404)


@pytest.mark.parametrize("framework", ["aiohttp", "django by asgi", "django by wsgi"])
def test_the_handler_of_metrics_takes_paths_with_and_without_a_slash(
    running: Callable[[str], RunningShop], framework: str
) -> None:
    shop = running(framework)
    before = len(shop.monitor.recent_calls())
    for path in ("/metrics", "/metrics/", "/metrics/-/ready", "/metrics/health/"):
        assert ask(shop.port, "GET", path) == 200
    assert len(shop.monitor.recent_calls()) == before


@every_framework
def test_nothing_is_recorded_while_the_monitor_is_disabled(
    framework: str, monitor: vs.Monitor
) -> None:
    monitor.disable()
    with running_shop(framework, monitor) as shop:
        assert ask(shop.port, "GET", shop.order_path) == 200
    assert monitor.recent_calls() == []


@every_framework
def test_the_metric_of_opentelemetry_and_the_first_byte(
    framework: str, monitor: vs.Monitor, registry: CollectorRegistry
) -> None:
    more: HttpOptions = {"opentelemetry_metrics": True, "first_byte": True}
    with running_shop(framework, monitor, **more) as shop:
        for path, status in ((shop.order_path, 200), ("/stream", 200), ("/unavailable", 503)):
            call = shop.call_of("GET", path, status)
        assert call.labels["status"] == "503"
    request = {"http_request_method": "GET", "url_scheme": "http"}
    order = {"http_route": shop.order_route, "http_response_status_code": "200"}
    later = {"http_route": "/unavailable", "http_response_status_code": "503", "error_type": "503"}
    for labels in (order, later):
        name = "http_server_request_duration_seconds_count"
        assert registry.get_sample_value(name, {**request, **labels}) == 1
    timed = [
        sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "operation_time_to_first_byte_seconds_count"
    ]
    assert timed == [1, 1, 1]


@every_framework
def test_the_span_of_a_request_belongs_to_the_trace_of_its_client(
    framework: str, traced: vs.Monitor, spans: InMemorySpanExporter
) -> None:
    headers = {
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        # What a client says under names of our own changes nothing.
        "Instrumented": "1",
        "Attributes": "1",
    }
    with running_shop(framework, traced) as shop:
        assert ask(shop.port, "GET", shop.order_path, headers) == 200
        wait_until(spans.get_finished_spans)
    [span] = spans.get_finished_spans()
    assert span.name == f"GET {shop.order_route}"
    assert f"{span.context.trace_id:032x}" == "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize(
    ("module", "takes"),
    [
        ("aiohttp", "an aiohttp application"),
        ("fastapi", "a Starlette or FastAPI application"),
        ("flask", "a Flask application"),
        ("litestar", "a Litestar application"),
        ("starlette", "a Starlette or FastAPI application"),
    ],
)
def test_something_else_is_refused(module: str, takes: str) -> None:
    instrument: Any = import_module(f"vitalspan.integrations.{module}").instrument
    with pytest.raises(TypeError, match=rf"instrument\(\) takes {takes}, and not object"):
        instrument(object())
