"""What is recorded of the requests that each HTTP client makes, by a real server."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

import aiohttp
import pytest
from opentelemetry import context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from prometheus_client import CollectorRegistry

import vitalspan as vs
from support.http_clients import CLIENTS, MODULES, AskedServer, as_they_were, asked_server
from support.ports import free_port
from vitalspan.integrations import aiohttp_client
from vitalspan.integrations.client_operations import Url

every_client = pytest.mark.parametrize("client", CLIENTS)


@pytest.fixture(scope="module")
def server() -> Iterator[AskedServer]:
    with asked_server() as server:
        yield server


@pytest.fixture(autouse=True)
def forget(server: AskedServer) -> Iterator[None]:
    server.asked.clear()
    with as_they_were():
        yield


def instrument(client: str, monitor: vs.Monitor, **options: Any) -> None:
    module = import_module(f"vitalspan.integrations.{MODULES[client]}")
    module.instrument(monitor=monitor, **options)


def endings(monitor: vs.Monitor) -> list[tuple[str, str | None, str, str | None]]:
    return [
        (call.operation, call.labels.get("status"), call.outcome, call.error_type)
        for call in monitor.recent_calls()
    ]


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        (Url("https", "example.org", 443, "/"), "example.org"),
        (Url("http", "example.org", 443, "/"), "example.org:443"),
        (Url("http", "::1", None, "/"), "[::1]"),
        (Url("http", "::1", 8080, "/"), "[::1]:8080"),
    ],
)
def test_the_authority_of_a_url(url: Url, authority: str) -> None:
    assert url.authority == authority


@every_client
def test_a_request_is_an_operation_by_method_and_host(
    client: str, monitor: vs.Monitor, server: AskedServer
) -> None:
    instrument(client, monitor)
    instrument(client, monitor)  # a second time changes nothing
    assert CLIENTS[client]("GET", server.url("/200/orders/7?token=secret")) == 200
    [call] = monitor.recent_calls()
    assert (call.operation, call.component) == (f"GET {server.authority}", "http_client")
    assert call.labels == {"method": "GET", "host": server.authority, "status": "2xx"}
    assert "orders" not in vs.generate_latest(monitor.registry).decode()


@every_client
def test_how_requests_end(client: str, monitor: vs.Monitor, server: AskedServer) -> None:
    instrument(client, monitor)
    for method, path in (("GET", "/404"), ("POST", "/503"), ("PROPFIND", "/200")):
        CLIENTS[client](method, server.url(path))
    assert endings(monitor) == [
        (f"GET {server.authority}", "4xx", "error", "404"),
        (f"POST {server.authority}", "5xx", "error", "503"),
        (f"_OTHER {server.authority}", "2xx", "ok", None),
    ]


@every_client
@pytest.mark.parametrize(("status", "method"), [(302, "GET"), (303, "POST")])
def test_a_redirected_request_is_recorded_each_time(
    client: str, monitor: vs.Monitor, server: AskedServer, status: int, method: str
) -> None:
    instrument(client, monitor)
    assert CLIENTS[client](method, server.url(f"/{status}")) == 200
    assert [end[:2] for end in endings(monitor)] == [
        (f"{method} {server.authority}", "3xx"),
        (f"GET {server.authority}", "2xx"),
    ]


@every_client
def test_nobody_who_listens_is_an_error(client: str, monitor: vs.Monitor) -> None:
    port = free_port()
    instrument(client, monitor)
    with pytest.raises(Exception, match=r"onnect"):
        CLIENTS[client]("GET", f"http://127.0.0.1:{port}/")
    [(operation, status, outcome, error_type)] = endings(monitor)
    assert (operation, status, outcome) == (f"GET 127.0.0.1:{port}", None, "error")
    assert error_type is not None
    assert "Connect" in error_type


@every_client
def test_options(client: str, monitor: vs.Monitor, server: AskedServer) -> None:
    instrument(
        client,
        monitor,
        component="partners",
        exact_status=True,
        is_error=lambda status: status == 200,
        max_hosts=1,
    )
    for path, host in (("/404", "127.0.0.1"), ("/200", "127.0.0.1"), ("/404", "localhost")):
        CLIENTS[client]("GET", server.url(path, host))
    assert endings(monitor) == [
        (f"GET {server.authority}", "404", "ok", None),
        (f"GET {server.authority}", "200", "error", "200"),
        ("GET _OTHER", "404", "ok", None),
    ]
    assert {call.component for call in monitor.recent_calls()} == {"partners"}


@every_client
def test_the_metric_of_opentelemetry(
    client: str, monitor: vs.Monitor, registry: CollectorRegistry, server: AskedServer
) -> None:
    instrument(client, monitor, opentelemetry_metrics=True)
    for path in ("/200", "/404"):
        CLIENTS[client]("GET", server.url(path))
    request = {
        "http_request_method": "GET",
        "server_address": "127.0.0.1",
        "server_port": str(server.server_port),
        "url_scheme": "http",
    }
    ok = {"http_response_status_code": "200"}
    not_found = {"http_response_status_code": "404", "error_type": "404"}
    for labels in (ok, not_found):
        name = "http_client_request_duration_seconds_count"
        assert registry.get_sample_value(name, {**request, **labels}) == 1


@every_client
def test_the_metric_of_opentelemetry_where_nobody_answers(
    client: str, monitor: vs.Monitor, registry: CollectorRegistry
) -> None:
    port = free_port()
    instrument(client, monitor, opentelemetry_metrics=True)
    with pytest.raises(Exception, match=r"onnect"):
        CLIENTS[client]("GET", f"http://127.0.0.1:{port}/")
    labels = {
        "http_request_method": "GET",
        "server_address": "127.0.0.1",
        "server_port": str(port),
        "url_scheme": "http",
        "error_type": "_OTHER",
    }
    assert registry.get_sample_value("http_client_request_duration_seconds_count", labels) == 1


@every_client
def test_a_host_that_is_forgotten_is_counted_anew(
    client: str, monitor: vs.Monitor, sample: Callable[..., float | None], server: AskedServer
) -> None:
    instrument(client, monitor)
    operation = f"GET {server.authority}"
    for _ in range(2):
        CLIENTS[client]("GET", server.url("/200"))
        labels = {"method": "GET", "host": server.authority, "status": "2xx"}
        labels |= {"component": "http_client", "operation": operation}
        assert sample("operation_duration_seconds_count", **labels) == 1
        assert monitor.forget(operation) >= 1


@every_client
def test_a_propagator_that_fails_costs_the_headers_alone(
    client: str, traced: vs.Monitor, server: AskedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise RuntimeError("no propagator")

    monkeypatch.setattr("opentelemetry.propagate.inject", refuse)
    instrument(client, traced)
    assert CLIENTS[client]("GET", server.url("/200")) == 200
    [call] = traced.recent_calls()
    assert call.outcome == "ok"
    assert traced._recorder.internal_errors.counts["begin"] == 1


@every_client
def test_the_servers_span_is_below_the_span_of_the_request(
    client: str, traced: vs.Monitor, spans: InMemorySpanExporter, server: AskedServer
) -> None:
    instrument(client, traced)
    with traced.operation("checkout"):
        CLIENTS[client]("GET", server.url("/200/orders?token=secret"))
    request, checkout = spans.get_finished_spans()
    assert (request.name, request.kind) == (f"GET {server.authority}", SpanKind.CLIENT)
    assert request.parent is not None
    assert request.parent.span_id == checkout.context.span_id
    assert (
        dict(request.attributes or {}).items()
        >= {
            "http.request.method": "GET",
            "http.response.status_code": 200,
            "server.address": "127.0.0.1",
            "server.port": server.server_port,
            "url.full": server.url("/200/orders"),
        }.items()
    )
    [(_, _, headers)] = server.asked
    assert headers["traceparent"].split("-")[1:3] == [
        f"{request.context.trace_id:032x}",
        f"{request.context.span_id:016x}",
    ]


@every_client
def test_the_requests_of_exporters_are_not_recorded(
    client: str, traced: vs.Monitor, server: AskedServer
) -> None:
    instrument(client, traced)
    token = context.attach(context.set_value("suppress_instrumentation", value=True))
    CLIENTS[client]("GET", server.url("/200"))
    context.detach(token)
    traced.disable()
    CLIENTS[client]("GET", server.url("/200"))
    assert traced.recent_calls() == []


@pytest.mark.parametrize("ours_first", [True, False])
@pytest.mark.parametrize(
    ("client", "instrumentor"),
    [
        ("httpx", "HTTPXClientInstrumentor"),
        ("async httpx", "HTTPXClientInstrumentor"),
        ("requests", "RequestsInstrumentor"),
    ],
)
def test_beside_opentelemetrys_own_instrumentation_there_is_one_span(
    client: str,
    instrumentor: str,
    ours_first: bool,
    traced: vs.Monitor,
    spans: InMemorySpanExporter,
    provider: TracerProvider,
    server: AskedServer,
) -> None:
    # Old versions of it need a pkg_resources that setuptools no longer has.
    module = pytest.importorskip(
        f"opentelemetry.instrumentation.{MODULES[client]}", exc_type=ImportError
    )
    if ours_first:
        instrument(client, traced)
    theirs = getattr(module, instrumentor)()
    theirs.instrument(tracer_provider=provider)
    try:
        instrument(client, traced)
        CLIENTS[client]("GET", server.url("/200"))
    finally:
        theirs.uninstrument()
    [span] = spans.get_finished_spans()
    assert span.instrumentation_scope is not None
    assert span.instrumentation_scope.name.startswith("opentelemetry.instrumentation.")
    [call] = traced.recent_calls()
    assert call.outcome == "ok"
    [(_, _, headers)] = server.asked
    assert headers["traceparent"].split("-")[2] == f"{span.context.span_id:016x}"


def test_aiohttp_beside_opentelemetrys_own_instrumentation(
    traced: vs.Monitor,
    spans: InMemorySpanExporter,
    server: AskedServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class AioHttpClientInstrumentor:
        _instance: Any = None
        _is_instrumented_by_opentelemetry = True

    AioHttpClientInstrumentor._instance = AioHttpClientInstrumentor()
    module = ModuleType("opentelemetry.instrumentation.aiohttp_client")
    module.AioHttpClientInstrumentor = AioHttpClientInstrumentor  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    instrument("aiohttp", traced)
    CLIENTS["aiohttp"]("GET", server.url("/200"))
    assert spans.get_finished_spans() == ()
    assert len(traced.recent_calls()) == 1


def test_one_session_of_aiohttp_by_itself(monitor: vs.Monitor, server: AskedServer) -> None:
    config = aiohttp_client.trace_config(monitor=monitor)
    other = vs.Monitor(registry=CollectorRegistry(), system_metrics=False)
    instrument("aiohttp", other)

    async def fetch() -> None:
        async with (
            aiohttp.ClientSession(trace_configs=[config]) as session,
            session.get(server.url("/200")),
        ):
            assert monitor.recent_calls()[0].outcome == "ok"

    asyncio.run(fetch())
    assert other.recent_calls() == []
    other.close()


@pytest.mark.parametrize("client", ["async httpx", "aiohttp"])
def test_a_request_that_is_given_up_is_cancelled(client: str, monitor: vs.Monitor) -> None:
    instrument(client, monitor)

    async def fetch(url: str) -> None:
        if client == "aiohttp":
            async with aiohttp.ClientSession() as session, session.get(url):
                pass
        else:
            import httpx

            async with httpx.AsyncClient(trust_env=False) as session:
                await session.get(url)

    async def give_up(url: str, listener: socket.socket) -> None:
        task = asyncio.create_task(fetch(url))
        connection, _ = await asyncio.get_running_loop().sock_accept(listener)
        with connection:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        asyncio.run(give_up(f"http://127.0.0.1:{listener.getsockname()[1]}/", listener))
    [(_, status, outcome, _)] = endings(monitor)
    assert (status, outcome) == (None, "cancelled")


@every_client
def test_options_that_cannot_be(client: str, monitor: vs.Monitor) -> None:
    with pytest.raises(vs.ConfigurationError, match="max_hosts=-1: use a whole number from 0 up"):
        instrument(client, monitor, max_hosts=-1)
    with pytest.raises(TypeError, match="no option 'max_host': did you mean max_hosts"):
        instrument(client, monitor, max_host=1)
