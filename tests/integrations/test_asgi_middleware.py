"""The ASGI middleware on applications that do what frameworks seldom do."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from prometheus_client import CollectorRegistry

import vitalspan as vs
from vitalspan.integrations.asgi import Middleware

START = {"type": "http.response.start", "status": 200, "headers": []}
BODY = {"type": "http.response.body", "body": b"x"}
MORE = {**BODY, "more_body": True}
TRACEPARENT = (b"traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")


class Route:
    path = "/orders/{order_id}"
    methods = ("GET",)


def routed(scope: dict[str, Any]) -> None:
    """What the router of Starlette leaves in the scope."""
    scope |= {"router": object(), "endpoint": object(), "route": Route()}


def sending(*messages: dict[str, Any]) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        routed(scope)
        for message in messages:
            await send(message)

    return app


class Visitor:
    """Asks an application by the messages of a server."""

    def __init__(self, monitor: vs.Monitor) -> None:
        self.monitor = monitor
        self.sent: list[dict[str, Any]] = []
        self.incoming: list[dict[str, Any]] = []
        self.refuse: Callable[[dict[str, Any]], bool] = lambda message: False

    def visit(self, app: Any, method: str = "GET", **scope: Any) -> vs.CallRecord:
        scope = {
            "type": "http",
            "method": method,
            "path": "/orders/7",
            "headers": [],
            **scope,
        }
        asyncio.run(app(scope, self.receive, self.send))
        return self.last()

    def last(self) -> vs.CallRecord:
        return self.monitor.recent_calls()[-1]

    async def receive(self) -> dict[str, Any]:
        return self.incoming.pop(0)

    async def send(self, message: dict[str, Any]) -> None:
        if self.refuse(message):
            raise OSError("the client has gone")
        self.sent.append(message)


@pytest.fixture
def visitor(monitor: vs.Monitor) -> Visitor:
    return Visitor(monitor)


def recorded(app: Any, visitor: Visitor, **options: Any) -> Any:
    return Middleware(app, monitor=visitor.monitor, **options)


def test_messages_reach_both_sides_as_they_are(visitor: Visitor) -> None:
    call = visitor.visit(recorded(sending(START, MORE, BODY), visitor))
    assert [id(message) for message in visitor.sent] == [id(START), id(MORE), id(BODY)]
    assert (call.operation, call.component, call.outcome) == (
        "GET /orders/{order_id}",
        "http",
        "ok",
    )
    assert call.labels == {"method": "GET", "route": "/orders/{order_id}", "status": "2xx"}


def test_the_duration_ends_with_the_last_part(visitor: Visitor, clock: vs.ManualClock) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        clock.advance(1)
        await send(START)
        clock.advance(2)
        await send(MORE)
        clock.advance(4)
        await send(BODY)
        clock.advance(8)

    assert visitor.visit(recorded(app, visitor)).duration == 7


def test_the_first_byte_is_timed_if_somebody_asks(
    visitor: Visitor, clock: vs.ManualClock, registry: CollectorRegistry
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        clock.advance(1)
        await send(START)
        clock.advance(2)
        await send(BODY)

    visitor.visit(recorded(app, visitor))
    text = vs.generate_latest(registry).decode()
    assert "operation_time_to_first_byte_seconds_bucket" not in text
    for _ in range(2):
        visitor.visit(recorded(app, visitor, first_byte=True))
    labels = {"component": "http", "operation": "GET", "method": "GET", "status": "2xx"}
    name = "operation_time_to_first_byte_seconds"
    assert registry.get_sample_value(f"{name}_count", labels) == 2
    assert registry.get_sample_value(f"{name}_sum", labels) == 2
    assert registry.get_sample_value(f"{name}_bucket", {**labels, "le": "0.75"}) == 0
    assert registry.get_sample_value(f"{name}_bucket", {**labels, "le": "1.0"}) == 2


def test_trailers_and_files_end_a_response_as_well(visitor: Visitor, clock: vs.ManualClock) -> None:
    async def with_trailers(scope: Any, receive: Any, send: Any) -> None:
        await send({**START, "trailers": True})
        await send(BODY)
        clock.advance(1)
        await send({"type": "http.response.trailers", "more_trailers": True})
        clock.advance(1)
        await send({"type": "http.response.trailers"})
        clock.advance(1)

    assert visitor.visit(recorded(with_trailers, visitor)).duration == 2
    for message in ({"type": "http.response.pathsend"}, {"type": "http.response.zerocopysend"}):
        assert visitor.visit(recorded(sending(START, message), visitor)).outcome == "ok"


def test_other_messages_do_not_end_it(visitor: Visitor) -> None:
    early = {"type": "http.response.early_hint", "links": []}
    assert visitor.visit(recorded(sending(early, START, BODY), visitor)).outcome == "ok"


@pytest.mark.parametrize("exact", [False, True])
def test_no_response_is_what_the_server_makes_of_it(visitor: Visitor, exact: bool) -> None:
    call = visitor.visit(recorded(sending(), visitor, exact_status=exact))
    assert (call.outcome, call.error_type) == ("error", "500")
    assert call.labels["status"] == ("500" if exact else "5xx")


def test_an_exception_before_the_start(visitor: Visitor) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        visitor.visit(recorded(app, visitor))
    call = visitor.last()
    assert (call.outcome, call.error_type, call.error_message) == ("error", "ValueError", "no")
    assert call.labels == {"method": "GET", "status": "5xx"}


def test_a_group_of_one_exception_is_that_exception(visitor: Visitor) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise ExceptionGroup("tasks", [ExceptionGroup("inner", [ValueError("no")])])

    with pytest.raises(ExceptionGroup):
        visitor.visit(recorded(app, visitor))
    assert visitor.last().error_type == "ValueError"


def test_an_exception_after_the_last_part_is_none_of_the_requests(visitor: Visitor) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send(BODY)
        raise ValueError("in the background")

    with pytest.raises(ValueError, match="background"):
        visitor.visit(recorded(app, visitor))
    assert visitor.last().outcome == "ok"


def test_a_client_that_leaves(visitor: Visitor) -> None:
    async def waiting(scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "http.disconnect"

    async def raising(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        raise ValueError("the body is not complete")

    async def finishing(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(START)
        await send(BODY)

    async def stopping(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send(MORE)

    async def cancelled(scope: Any, receive: Any, send: Any) -> None:
        raise asyncio.CancelledError

    outcomes = {}
    for app in (waiting, raising, finishing, stopping, cancelled):
        visitor.incoming = [{"type": "http.disconnect"}]
        with contextlib.suppress(ValueError, asyncio.CancelledError):
            visitor.visit(recorded(app, visitor))
        outcomes[app.__name__] = visitor.last().outcome
    assert outcomes == {
        "waiting": "cancelled",
        "raising": "cancelled",
        "finishing": "ok",
        "stopping": "cancelled",
        "cancelled": "cancelled",
    }


def test_a_client_that_leaves_before_its_websocket_is_accepted(visitor: Visitor) -> None:
    async def waiting(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["type"] != "websocket.disconnect":
            pass

    visitor.incoming = [{"type": "websocket.connect"}, {"type": "websocket.disconnect"}]
    assert visitor.visit(recorded(waiting, visitor), type="websocket").outcome == "cancelled"


def test_a_send_that_raises(visitor: Visitor) -> None:
    visitor.refuse = lambda message: message is MORE
    with pytest.raises(OSError, match="gone"):
        visitor.visit(recorded(sending(START, MORE, BODY), visitor))
    assert visitor.last().outcome == "cancelled"


def test_what_counts_as_an_error_can_be_set(visitor: Visitor) -> None:
    def app(status: int) -> Any:
        return recorded(
            sending({**START, "status": status}, BODY), visitor, is_error=lambda code: code == 429
        )

    assert [visitor.visit(app(code)).outcome for code in (429, 503)] == ["error", "ok"]


def test_the_application_has_the_last_word(visitor: Visitor) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        call = vs.current_call()
        call.set_label("tenant", "acme")
        call.add("rows", 3)
        call.ok()
        await send({**START, "status": 500})
        await send(BODY)

    call = visitor.visit(recorded(app, visitor), "POST")
    assert (call.outcome, call.measures) == ("ok", {"rows": 3})
    assert call.labels == {"method": "POST", "status": "5xx", "tenant": "acme"}


def test_lifespan_and_what_else_there_may_be_are_not_recorded(visitor: Visitor) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "seen"})

    for kind in ("lifespan", "mqtt"):
        asyncio.run(recorded(app, visitor)({"type": kind}, visitor.receive, visitor.send))
    assert len(visitor.sent) == 2
    assert visitor.monitor.recent_calls() == []


def test_paths_below_a_root_path_are_excluded(visitor: Visitor) -> None:
    app = recorded(sending(START, BODY), visitor, exclude=["/metrics"])
    for path in ("/metrics", "/metrics/x", "/shop/metrics"):
        scope = {"type": "http", "method": "GET", "path": path, "headers": []}
        asyncio.run(app({**scope, "root_path": "/shop"}, visitor.receive, visitor.send))
    assert visitor.monitor.recent_calls() == []


def test_a_request_that_two_middlewares_see_counts_once(visitor: Visitor) -> None:
    twice = recorded(recorded(sending(START, BODY), visitor, component="inner"), visitor)
    assert visitor.visit(twice).component == "http"
    assert visitor.visit(twice).operation == "GET /orders/{order_id}"
    assert len(visitor.monitor.recent_calls()) == 2


def test_two_monitors_record_a_request_each(visitor: Visitor) -> None:
    other = vs.Monitor(registry=CollectorRegistry(), system_metrics=False)
    app = Middleware(recorded(sending(START, BODY), visitor), monitor=other)
    visitor.visit(app)
    assert len(visitor.monitor.recent_calls()) == len(other.recent_calls()) == 1
    other.close()


def test_probes_elsewhere_than_below_the_metrics(visitor: Visitor) -> None:
    app = recorded(sending(START, BODY), visitor, metrics_path="/metrics/", probes_path="/")
    for path in ("/metrics", "/metrics/", "/-/live", "/-/ready/", "/health"):
        scope = {"type": "http", "method": "GET", "path": path, "headers": []}
        asyncio.run(app(scope, visitor.receive, visitor.send))
    assert visitor.monitor.recent_calls() == []
    visitor.visit(app, path="/metrics/health")
    visitor.visit(app, path="/")
    assert len(visitor.monitor.recent_calls()) == 2


def test_nothing_is_recorded_while_the_monitor_is_disabled(visitor: Visitor) -> None:
    app = recorded(sending(START, BODY), visitor)
    visitor.visit(app)
    visitor.monitor.disable()
    visitor.visit(app)
    assert len(visitor.monitor.recent_calls()) == 1
    assert len(visitor.sent) == 4


def test_a_broken_router_is_counted_as_a_fault_of_ours(visitor: Visitor) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope |= {"router": object(), "endpoint": object()}
        await send(START)
        await send(BODY)

    assert visitor.visit(recorded(app, visitor)).operation == "GET"
    assert visitor.monitor._recorder.internal_errors.counts["end"] == 1


def test_many_routes_are_bounded(registry: CollectorRegistry, clock: vs.ManualClock) -> None:
    monitor = vs.Monitor(registry=registry, clock=clock, max_series=5, system_metrics=False)
    visitor = Visitor(monitor)

    def app(number: int) -> Any:
        async def answer(scope: Any, receive: Any, send: Any) -> None:
            scope["path_template"] = f"made/up/{number}"
            await send(START)
            await send(BODY)

        return answer

    middleware = recorded(None, visitor)
    for number in range(20):
        middleware.app = app(number)
        visitor.visit(middleware)
    families = {
        sample.labels["operation"]
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "operation_duration_seconds_count"
    }
    assert "_overflow" in families
    assert "GET /made/up/3" in families
    assert monitor.forget("GET /made/up/3") == 1
    monitor.close()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"exclude": "/metrics"}, vs.ConfigurationError, "use a sequence of paths"),
        ({"exclude": ["metrics"]}, vs.ConfigurationError, "begin with a slash"),
        ({"metrics_path": "metrics"}, vs.ConfigurationError, "a path that begins with a slash"),
        ({"page_path": "/"}, vs.ConfigurationError, "use a path that nothing else uses"),
        ({"probes_path": ""}, vs.ConfigurationError, "probes_path='': use a path that begins"),
        ({"is_error": 500}, vs.ConfigurationError, "use a function of the status code"),
        ({"excluded": []}, TypeError, "there is no option 'excluded': did you mean exclude"),
    ],
)
def test_options_that_cannot_be(
    visitor: Visitor, options: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        recorded(None, visitor, **options)


def test_websockets_that_are_not_accepted(visitor: Visitor) -> None:
    refused = {"type": "websocket.close"}
    answered = {"type": "websocket.http.response.start", "status": 401, "headers": []}
    failed = {"type": "websocket.close", "code": 1011}
    accepted = {"type": "websocket.accept"}
    ends = []
    for messages in ((refused,), (answered,), (accepted, failed)):
        call = visitor.visit(recorded(sending(*messages), visitor), type="websocket")
        ends.append((call.labels["status"], call.outcome, call.error_type))
    assert ends == [("4xx", "ok", None), ("4xx", "ok", None), ("1xx", "error", "1011")]
    visitor.refuse = lambda message: message["type"] == "websocket.send"
    with pytest.raises(OSError, match="gone"):
        visitor.visit(
            recorded(sending(accepted, {"type": "websocket.send"}), visitor), type="websocket"
        )
    assert visitor.last().outcome == "cancelled"


@pytest.fixture
def traced_visitor(traced: vs.Monitor) -> Visitor:
    return Visitor(traced)


def test_the_span_continues_the_trace_of_the_client(
    traced_visitor: Visitor, spans: InMemorySpanExporter
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        routed(scope)
        with traced_visitor.monitor.operation("inside"):
            pass
        await send(START)
        await send(BODY)

    headers = [TRACEPARENT, (b"user-agent", b"curl"), (b"x", b"1"), (b"x", b"2")]
    call = traced_visitor.visit(recorded(app, traced_visitor), headers=headers)
    inside, server = spans.get_finished_spans()
    assert server.name == "GET /orders/{order_id}"
    assert server.kind is SpanKind.SERVER
    assert server.parent is not None
    assert f"{server.context.trace_id:032x}" == "0af7651916cd43dd8448eb211c80319c"
    assert f"{server.parent.span_id:016x}" == "b7ad6b7169203331"
    assert inside.parent is not None
    assert inside.parent.span_id == server.context.span_id
    assert call.span_id == f"{server.context.span_id:016x}"
    attributes = dict(server.attributes or {})
    assert attributes["http.route"] == "/orders/{order_id}"
    assert attributes["http.response.status_code"] == 200
    assert attributes["http.request.method"] == "GET"
    assert attributes["url.path"] == "/orders/7"
    assert attributes["user_agent.original"] == "curl"


def test_the_span_of_a_failed_request(traced_visitor: Visitor, spans: InMemorySpanExporter) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({**START, "status": 500})
        await send(BODY)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        traced_visitor.visit(recorded(app, traced_visitor))
    [server] = spans.get_finished_spans()
    assert not server.status.is_ok
    assert [event.name for event in server.events] == ["exception"]
    assert dict(server.attributes or {})["error.type"] == "ValueError"


@pytest.mark.parametrize("outside", [True, False])
def test_beside_opentelemetrys_own_middleware_there_is_one_server_span(
    traced_visitor: Visitor,
    spans: InMemorySpanExporter,
    provider: TracerProvider,
    outside: bool,
) -> None:
    app: Any = sending(START, BODY)
    if outside:
        app = OpenTelemetryMiddleware(recorded(app, traced_visitor), tracer_provider=provider)
    else:
        app = recorded(OpenTelemetryMiddleware(app, tracer_provider=provider), traced_visitor)
    call = traced_visitor.visit(
        app, scheme="http", server=("shop", 80), client=("a", 1), http_version="1.1"
    )
    [server] = [span for span in spans.get_finished_spans() if span.kind is SpanKind.SERVER]
    assert server.instrumentation_scope is not None
    assert server.instrumentation_scope.name == "opentelemetry.instrumentation.asgi"
    assert call.operation == "GET /orders/{order_id}"
    assert call.span_id == f"{server.context.span_id:016x}"


def test_a_tracer_that_fails_costs_the_span_alone(
    traced_visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise RuntimeError("no propagator")

    monkeypatch.setattr("opentelemetry.propagate.extract", refuse)
    assert traced_visitor.visit(recorded(sending(START, BODY), traced_visitor)).outcome == "ok"
    assert traced_visitor.monitor._recorder.internal_errors.counts["begin"] == 1


def test_a_request_that_cannot_be_read_costs_the_span_alone(
    traced_visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Any, scope: Any) -> Any:
        raise LookupError("no such header")

    monkeypatch.setattr(Middleware, "_span_request", refuse)
    assert traced_visitor.visit(recorded(sending(START, BODY), traced_visitor)).outcome == "ok"
    assert traced_visitor.monitor._recorder.internal_errors.counts["begin"] == 1


def test_a_recorder_that_fails_ends_the_call_all_the_same(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(code: int) -> bool:
        raise RuntimeError("no judgement")

    call = visitor.visit(recorded(sending(START, BODY), visitor, is_error=refuse))
    assert call.operation == "GET"
    assert visitor.monitor._recorder.internal_errors.counts["end"] == 1


def test_the_default_monitor_is_used_where_none_is_given() -> None:
    assert Middleware(sending())._operations.monitor is vs.get_monitor()


def test_a_span_of_the_programs_own_around_it_is_the_parent(
    traced_visitor: Visitor, spans: InMemorySpanExporter
) -> None:
    app = recorded(sending(START, BODY), traced_visitor)

    async def outside(scope: Any, receive: Any, send: Any) -> None:
        with traced_visitor.monitor.operation("outside"):
            await app(scope, receive, send)

    traced_visitor.visit(outside)
    server, outer = spans.get_finished_spans()
    assert server.kind is SpanKind.SERVER
    assert server.parent is not None
    assert server.parent.span_id == outer.context.span_id


class Handler:
    def __init__(self, is_mount: bool) -> None:
        self.is_mount = is_mount
        self.paths = {"/static"}


@pytest.mark.parametrize(
    ("handler", "route"),
    [(Handler(is_mount=False), "/orders/7"), (Handler(is_mount=True), "/static"), (None, "/")],
)
def test_litestar_without_a_template(visitor: Visitor, handler: Any, route: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope |= {"path_template": "", "route_handler": handler}
        await send(START)
        await send(BODY)

    assert visitor.visit(recorded(app, visitor)).labels["route"] == route
