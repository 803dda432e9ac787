"""One application of each framework with every library that records its requests.

They are made once in a process. With `spans` on the command line every request is a span as well.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

# A stable metric of OpenTelemetry, which must still be enabled.
os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "http"

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import NoOpTracerProvider
from prometheus_client import CollectorRegistry

import vitalspan as vs

METERS = MeterProvider([PrometheusMetricReader()])


PEERS = {
    "fastapi": ("prometheus-fastapi-instrumentator", "starlette-exporter"),
    "flask": ("prometheus-flask-exporter",),
    "django": ("django-prometheus",),
}
"""The packages besides vitalspan and OpenTelemetry, which are called `vitalspan` and `otel`."""


class Application(NamedTuple):
    """An application; `finish` processes what its requests have left."""

    app: Any
    finish: Callable[[], Any] | None = None


class Drop(SpanExporter):
    """An exporter that drops spans."""

    def export(self, spans: Any) -> SpanExportResult:
        return SpanExportResult.SUCCESS


def provide(*, spans: bool) -> tuple[Any, Callable[[], object] | None]:
    """Return a tracer provider, and a function that waits for its spans."""
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


def fastapi_apps() -> dict[str, Application]:
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

    apps = {"plain": Application(shop())}
    app, (own, finish) = shop(), monitor()
    instrument(app, monitor=own, metrics_path="/metrics")
    apps["vitalspan"] = Application(app, finish)
    app = shop()
    FastAPIInstrumentor.instrument_app(app, tracer_provider=PROVIDER, meter_provider=METERS)
    apps["otel"] = Application(app, FLUSH)
    app = shop()
    Instrumentator(registry=CollectorRegistry()).instrument(app)
    apps["prometheus-fastapi-instrumentator"] = Application(app)
    app = shop()
    app.add_middleware(PrometheusMiddleware)
    apps["starlette-exporter"] = Application(app)
    return apps


def flask_apps() -> dict[str, Application]:
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

    apps = {"plain": Application(shop())}
    app, (own, finish) = shop(), monitor()
    instrument(app, monitor=own, metrics_path="/metrics")
    apps["vitalspan"] = Application(app, finish)
    app = shop()
    FlaskInstrumentor().instrument_app(app, tracer_provider=PROVIDER, meter_provider=METERS)
    apps["otel"] = Application(app, FLUSH)
    app = shop()
    PrometheusMetrics(app, registry=CollectorRegistry(), group_by="url_rule")
    apps["prometheus-flask-exporter"] = Application(app)
    return apps


def django_apps() -> dict[str, Application]:
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

    apps = {"plain": Application(shop())}
    own, finish = monitor()
    settings.VITALSPAN = {"monitor": own, "metrics_path": "/metrics"}
    app = shop("vitalspan.integrations.django.Middleware")
    apps["vitalspan"] = Application(app, finish)
    apps["django-prometheus"] = Application(
        shop(
            "django_prometheus.middleware.PrometheusBeforeMiddleware",
            "django_prometheus.middleware.PrometheusAfterMiddleware",
        )
    )
    settings.MIDDLEWARE = []
    DjangoInstrumentor().instrument(tracer_provider=PROVIDER, meter_provider=METERS)
    apps["otel"] = Application(WSGIHandler(), FLUSH)
    return apps


def applications(framework: str) -> dict[str, Application]:
    """All applications of a framework, by library; `plain` has none."""
    makers = {"fastapi": fastapi_apps, "flask": flask_apps, "django": django_apps}
    return makers[framework]()
