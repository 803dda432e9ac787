"""Frameworks that OpenTelemetry's own instrumentation records as well: one server span."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from starlette.background import BackgroundTask

import vitalspan as vs
from support import asgi_applications
from support.flask_application import flask_shop
from support.uvicorn_server import ask, uvicorn_serving
from support.waiting import wait_until
from support.wsgi_server import wsgi_serving
from vitalspan.integrations import fastapi, flask

either_order = pytest.mark.parametrize("ours_first", [True, False])


def theirs(framework: str) -> Any:
    # Old versions of it need a pkg_resources that setuptools no longer has.
    return pytest.importorskip(f"opentelemetry.instrumentation.{framework}", exc_type=ImportError)


def the_server_span(spans: InMemorySpanExporter) -> ReadableSpan:
    [span] = [one for one in spans.get_finished_spans() if one.kind is SpanKind.SERVER]
    assert span.instrumentation_scope is not None
    assert span.instrumentation_scope.name.startswith("opentelemetry.instrumentation.")
    return span


@pytest.fixture
def _tasks_as_they_were() -> Iterator[None]:
    call = vars(BackgroundTask)["__call__"]
    yield
    BackgroundTask.__call__ = call  # type: ignore[method-assign]
    if hasattr(BackgroundTask, "_otel_original_call"):
        del BackgroundTask._otel_original_call


@either_order
@pytest.mark.usefixtures("_tasks_as_they_were")
def test_fastapi(
    ours_first: bool, traced: vs.Monitor, spans: InMemorySpanExporter, provider: TracerProvider
) -> None:
    app = asgi_applications.fastapi_shop()
    instrumentor = theirs("fastapi").FastAPIInstrumentor
    if ours_first:
        fastapi.instrument(app, monitor=traced)
    instrumentor.instrument_app(app, tracer_provider=provider)
    fastapi.instrument(app, monitor=traced)
    with uvicorn_serving(app) as port:
        assert ask(port, "GET", "/orders/7") == 200
        assert ask(port, "GET", "/broken") == 500
        wait_until(lambda: len(traced.recent_calls()) == 2)
    order, broken = traced.recent_calls()
    assert (order.operation, order.outcome) == ("GET /orders/{order_id}", "ok")
    assert (broken.operation, broken.error_type) == ("GET /broken", "ValueError")
    of_requests = [one for one in spans.get_finished_spans() if one.kind is SpanKind.SERVER]
    assert [f"{span.context.span_id:016x}" for span in of_requests] == [
        order.span_id,
        broken.span_id,
    ]


def test_fastapi_that_makes_spans_itself(
    traced: vs.Monitor, spans: InMemorySpanExporter, provider: TracerProvider
) -> None:
    if importlib.util.find_spec("fastapi.telemetry") is None:
        pytest.skip("this version of FastAPI makes no spans")
    from fastapi import FastAPI

    app = FastAPI(telemetry={"tracer_provider": provider})

    @app.get("/orders/{order_id}")
    async def order(order_id: int) -> int:
        return order_id

    fastapi.instrument(app, monitor=traced)
    with uvicorn_serving(app) as port:
        assert ask(port, "GET", "/orders/7") == 200
        wait_until(traced.recent_calls)
    [span] = [one for one in spans.get_finished_spans() if one.kind is SpanKind.SERVER]
    [call] = traced.recent_calls()
    assert call.span_id == f"{span.context.span_id:016x}"


@pytest.fixture
def django_spans(provider: TracerProvider) -> Iterator[None]:
    from django.conf import settings

    import support.django_application as _  # noqa: F401

    middlewares = list(settings.MIDDLEWARE)
    instrumentor = theirs("django").DjangoInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    yield
    instrumentor.uninstrument()
    settings.MIDDLEWARE = middlewares


def test_django(traced: vs.Monitor, spans: InMemorySpanExporter, django_spans: None) -> None:
    from django.core.wsgi import get_wsgi_application
    from django.test import override_settings

    with (
        override_settings(VITALSPAN={"monitor": traced}),
        wsgi_serving(get_wsgi_application()) as port,
    ):
        assert ask(port, "GET", "/orders/7/") == 200
        wait_until(traced.recent_calls)
        wait_until(spans.get_finished_spans)
    [call] = traced.recent_calls()
    assert call.operation == "GET /orders/<int:order_id>/"
    assert call.span_id == f"{the_server_span(spans).context.span_id:016x}"


def test_flask_makes_no_span_where_theirs_does(
    traced: vs.Monitor, spans: InMemorySpanExporter
) -> None:
    app: Any = flask_shop()
    flask.instrument(app, monitor=traced)
    # As their instrumentation marks it, which may come after ours.
    app._is_instrumented_by_opentelemetry = True
    with wsgi_serving(app) as port:
        assert ask(port, "GET", "/orders/7") == 200
        wait_until(traced.recent_calls)
    assert spans.get_finished_spans() == ()
