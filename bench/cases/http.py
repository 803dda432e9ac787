"""What recording a request adds to it, beside the libraries that do the same.

The words on the command line are `fastapi`, `flask` or `django`, and perhaps `spans`: then every
request is a span as well, and libraries that make none are left out. Applications are called as a
server would call them, without one: a socket costs more than all of this, and would hide it.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from io import BytesIO
from typing import Any

# OpenTelemetry's stable metric, which it does not make by itself yet.
os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "http"

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import NoOpTracerProvider
from prometheus_client import CollectorRegistry

import vitalspan as vs
from harness import Subject, arguments, arounds, emit, pin, rounds, summary, versions

METERS = MeterProvider([PrometheusMetricReader()])


class Drop(SpanExporter):
    """An exporter that throws spans away."""

    def export(self, spans: Any) -> SpanExportResult:
        return SpanExportResult.SUCCESS


def provide(*, spans: bool) -> tuple[Any, Callable[[], object] | None]:
    """Return a tracer provider, and what waits for its spans."""
    if not spans:
        return NoOpTracerProvider(), None
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Drop()))
    return provider, provider.force_flush


PROVIDER, FLUSH = provide(spans="spans" in sys.argv)


def monitor() -> tuple[vs.Monitor, Callable[[], None]]:
    """A monitor of its own, and what belongs to the time of its requests."""
    own = vs.Monitor(
        registry=CollectorRegistry(),
        system_metrics=False,
        tracer_provider=PROVIDER if FLUSH else None,
    )

    def finish() -> None:
        own.fold()
        if FLUSH:
            FLUSH()

    return own, finish


def asgi_subject(app: Any, end: Callable[[], None] | None = None) -> Subject:
    """An ASGI application that is asked again and again."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/orders/7",
        "raw_path": b"/orders/7",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"shop"), (b"user-agent", b"bench"), (b"accept", b"*/*")],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 80),
    }

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        pass

    async def call(_: Any) -> None:
        await app({**scope, "state": {}}, receive, send)

    return Subject(call, end)


def wsgi_subject(app: Any, end: Callable[[], None] | None = None) -> Subject:
    """A WSGI application that is asked again and again."""
    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/orders/7",
        "QUERY_STRING": "",
        "SERVER_NAME": "shop",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "shop",
        "HTTP_USER_AGENT": "bench",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": BytesIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }

    def start_response(status: str, headers: Any, exc_info: Any = None) -> None:
        assert status.startswith("200"), status

    def call(_: Any) -> None:
        parts = app({**environ, "wsgi.input": BytesIO()}, start_response)
        for _part in parts:
            pass
        if hasattr(parts, "close"):
            parts.close()

    return Subject(call, end)


def fastapi_subjects() -> dict[str, Subject]:
    """FastAPI with each of the libraries."""
    from fastapi import FastAPI
    from fastapi.responses import PlainTextResponse
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
    from prometheus_fastapi_instrumentator import Instrumentator
    from starlette_exporter import PrometheusMiddleware

    from vitalspan.integrations.fastapi import instrument

    def shop() -> Any:
        app = FastAPI()

        @app.get("/orders/{order_id}")
        async def order(order_id: int) -> Any:
            return PlainTextResponse("order")

        return app

    subjects = {"plain": asgi_subject(shop())}
    app, (own, finish) = shop(), monitor()
    instrument(app, monitor=own)
    subjects["vitalspan"] = asgi_subject(app, finish)
    app = shop()
    FastAPIInstrumentor.instrument_app(app, tracer_provider=PROVIDER, meter_provider=METERS)
    subjects["otel"] = asgi_subject(app, FLUSH)
    app = shop()
    Instrumentator(registry=CollectorRegistry()).instrument(app)
    subjects["prometheus-fastapi-instrumentator"] = asgi_subject(app)
    app = shop()
    app.add_middleware(PrometheusMiddleware)
    subjects["starlette-exporter"] = asgi_subject(app)
    return subjects


def flask_subjects() -> dict[str, Subject]:
    """Flask with each of the libraries."""
    from flask import Flask
    from opentelemetry.instrumentation.flask import FlaskInstrumentor
    from prometheus_flask_exporter import PrometheusMetrics

    from vitalspan.integrations.flask import instrument

    def shop() -> Any:
        app = Flask("shop")

        @app.get("/orders/<int:order_id>")
        def order(order_id: int) -> str:
            return "order"

        return app

    subjects = {"plain": wsgi_subject(shop())}
    app, (own, finish) = shop(), monitor()
    instrument(app, monitor=own)
    subjects["vitalspan"] = wsgi_subject(app, finish)
    app = shop()
    FlaskInstrumentor().instrument_app(app, tracer_provider=PROVIDER, meter_provider=METERS)
    subjects["otel"] = wsgi_subject(app, FLUSH)
    app = shop()
    PrometheusMetrics(app, registry=CollectorRegistry(), group_by="url_rule")
    subjects["prometheus-flask-exporter"] = wsgi_subject(app)
    return subjects


def django_subjects() -> dict[str, Subject]:
    """Django with each of the libraries: a handler keeps the middlewares of its making."""
    import django
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler
    from django.http import HttpResponse
    from django.urls import path
    from opentelemetry.instrumentation.django import DjangoInstrumentor

    class urls:
        urlpatterns = (path("orders/<int:order_id>", lambda _, order_id: HttpResponse("order")),)

    settings.configure(
        ALLOWED_HOSTS=["*"],
        INSTALLED_APPS=["django_prometheus"],
        LOGGING_CONFIG=None,
        MIDDLEWARE=[],
        ROOT_URLCONF=urls,
        SECRET_KEY="of the benchmark",
    )
    django.setup()

    def shop(*middlewares: str) -> Any:
        settings.MIDDLEWARE = list(middlewares)
        return WSGIHandler()

    subjects = {"plain": wsgi_subject(shop())}
    own, finish = monitor()
    settings.VITALSPAN = {"monitor": own}
    app = shop("vitalspan.integrations.django.Middleware")
    subjects["vitalspan"] = wsgi_subject(app, finish)
    subjects["django-prometheus"] = wsgi_subject(
        shop(
            "django_prometheus.middleware.PrometheusBeforeMiddleware",
            "django_prometheus.middleware.PrometheusAfterMiddleware",
        )
    )
    settings.MIDDLEWARE = []
    DjangoInstrumentor().instrument(tracer_provider=PROVIDER, meter_provider=METERS)
    subjects["otel"] = wsgi_subject(WSGIHandler(), FLUSH)
    return subjects


def main() -> None:
    """Measure one framework."""
    effort, (framework, *spans) = arguments()
    pin(1)
    subjects = globals()[f"{framework}_subjects"]()
    if spans:
        subjects = {name: subjects[name] for name in ("plain", "vitalspan", "otel")}
    awaited = framework == "fastapi"
    seen = asyncio.run(arounds(subjects, effort)) if awaited else rounds(subjects, effort)
    kind = "async" if awaited else "sync"
    peers = {
        "fastapi": ("prometheus-fastapi-instrumentator", "starlette-exporter"),
        "flask": ("prometheus-flask-exporter",),
        "django": ("django-prometheus",),
    }[framework]
    packages = (framework, *peers, f"opentelemetry-instrumentation-{framework}")
    calls = {name: {kind: figures} for name, figures in summary(seen).items()}
    emit(calls=calls, packages=versions(*packages))


if __name__ == "__main__":
    main()
