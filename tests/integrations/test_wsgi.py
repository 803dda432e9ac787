"""The WSGI middleware on applications of a few lines, as a server calls them."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from typing import Any
from wsgiref.util import FileWrapper, setup_testing_defaults
from wsgiref.validate import validator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from werkzeug.middleware.dispatcher import DispatcherMiddleware

import vitalspan as vs
from support.flask_application import flask_shop
from vitalspan.integrations.wsgi import Middleware


def request(app: Any, method: str = "GET", path: str = "/", **environ: Any) -> Iterator[bytes]:
    """Ask an application as a server does; the parts of its response are given as they come."""
    environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "wsgi.input": io.BytesIO(), **environ}
    environ.setdefault("SCRIPT_NAME", "")
    environ.setdefault("QUERY_STRING", "")
    setup_testing_defaults(environ)
    parts = app(environ, lambda status, headers, exc_info=None: lambda part: None)
    try:
        yield from parts
    finally:
        getattr(parts, "close", lambda: None)()


def answering(parts: Any, status: str = "200 OK") -> Callable[..., Any]:
    def app(environ: Any, start_response: Any) -> Any:
        environ["vitalspan.route"] = "/made"
        start_response(status, [("Content-Type", "text/plain")])
        return parts() if callable(parts) else parts

    return app


def test_the_middleware_keeps_the_rules_of_wsgi(monitor: vs.Monitor) -> None:
    app = validator(Middleware(validator(answering([b"a", b"b"])), monitor=monitor))
    assert b"".join(request(app)) == b"ab"
    [call] = monitor.recent_calls()
    assert (call.operation, call.outcome) == ("GET /made", "ok")


def test_the_duration_ends_when_the_last_part_was_sent(
    monitor: vs.Monitor, clock: vs.ManualClock
) -> None:
    def parts() -> Iterator[bytes]:
        clock.advance(1)
        yield b"a"
        clock.advance(2)

    sent = request(Middleware(answering(parts), monitor=monitor))
    next(sent)
    clock.advance(4)
    assert list(sent) == []
    assert monitor.recent_calls()[-1].duration == 7


def test_a_server_may_ask_how_many_parts_there_are(monitor: vs.Monitor) -> None:
    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    body: Any = Middleware(answering([b"a", b"b"]), monitor=monitor)(environ, lambda *_: None)  # type: ignore[arg-type,return-value]
    assert len(body) == 2
    assert next(body) == b"a"
    body.close()
    assert monitor.recent_calls()[-1].outcome == "cancelled"


@pytest.mark.parametrize(("method", "outcome"), [("GET", "cancelled"), ("HEAD", "ok")])
def test_a_body_that_nobody_closes(monitor: vs.Monitor, method: str, outcome: str) -> None:
    environ: dict[str, Any] = {"REQUEST_METHOD": method}
    setup_testing_defaults(environ)
    body: Any = Middleware(answering(lambda: iter([b"a"])), monitor=monitor)(
        environ,
        lambda *_: None,  # type: ignore[arg-type,return-value]
    )
    del body
    assert monitor.recent_calls()[-1].outcome == outcome


def test_a_file_is_left_to_the_server(monitor: vs.Monitor) -> None:
    environ: dict[str, Any] = {"wsgi.file_wrapper": FileWrapper}
    setup_testing_defaults(environ)
    file = FileWrapper(io.BytesIO(b"a"))
    app = Middleware(answering(file), monitor=monitor)
    assert app(environ, lambda *_: None) is file  # type: ignore[arg-type,return-value]
    assert monitor.recent_calls()[-1].outcome == "ok"


def test_exceptions(monitor: vs.Monitor) -> None:
    class Closing:
        def __iter__(self) -> Iterator[bytes]:
            return iter([])

        def close(self) -> None:
            raise OSError("close")

    class Torn(Closing):
        def __iter__(self) -> Iterator[bytes]:
            yield b"a"

    def early(environ: Any, start_response: Any) -> Any:
        raise ValueError("early")

    def late(environ: Any, start_response: Any) -> Any:
        try:
            raise LookupError("late")
        except LookupError as error:
            start_response("500 No", [], (type(error), error, None))
        return [b"sorry"]

    ends = []
    for app in (early, late, answering(Torn)):
        with contextlib.suppress(ValueError, OSError):
            parts = request(Middleware(app, monitor=monitor))
            next(parts, None)
            parts.close()  # type: ignore[attr-defined]
        call = monitor.recent_calls()[-1]
        ends.append((call.labels["status"], call.outcome, call.error_type))
    assert ends == [
        ("5xx", "error", "ValueError"),
        ("5xx", "error", "LookupError"),
        ("2xx", "error", "OSError"),
    ]


def test_a_mounted_application_has_its_prefix(monitor: vs.Monitor) -> None:
    dispatcher = DispatcherMiddleware(flask_shop(), {"/shop": flask_shop()})
    app = Middleware(dispatcher, monitor=monitor)
    for path in ("/shop/orders/7", "/orders/7"):
        assert list(request(app, path=path))
    # A prefix that is no mount may come from a header of the client.
    assert list(request(Middleware(flask_shop(), monitor=monitor), path="/orders/7"))
    operations = [call.operation for call in monitor.recent_calls()]
    assert operations == ["GET /shop/orders/<int:order_id>", *["GET /orders/<int:order_id>"] * 2]


def test_nothing_is_recorded_while_the_monitor_is_disabled(monitor: vs.Monitor) -> None:
    app = Middleware(answering([b"a"]), monitor=monitor)
    monitor.disable()
    assert list(request(app)) == [b"a"]
    assert monitor.recent_calls() == []


def test_the_span_is_current_in_each_part_and_not_between(
    traced: vs.Monitor, spans: InMemorySpanExporter
) -> None:
    seen = []

    def parts() -> Iterator[bytes]:
        for part in (b"a", b"b"):
            seen.append(trace.get_current_span().get_span_context().span_id)
            yield part

    headers = {"HTTP_TRACEPARENT": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    app = Middleware(answering(parts, "503 Later"), monitor=traced)
    for _ in request(app, HTTP_USER_AGENT="curl", **headers):
        assert not trace.get_current_span().get_span_context().is_valid
    [server] = spans.get_finished_spans()
    assert (server.name, server.kind) == ("GET /made", SpanKind.SERVER)
    assert f"{server.context.trace_id:032x}" == "0af7651916cd43dd8448eb211c80319c"
    assert seen == [server.context.span_id] * 2
    attributes = dict(server.attributes or {})
    assert attributes["error.type"] == "503"
    assert attributes["http.response.status_code"] == 503
    assert attributes["user_agent.original"] == "curl"
