"""Every framework with an integration: the same shop in each of them, recorded and served."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import Any, Final, Unpack

import vitalspan as vs
from support import asgi_applications
from support.uvicorn_server import ask, uvicorn_serving
from support.waiting import wait_until
from support.wsgi_server import wsgi_serving
from vitalspan.integrations.http_operations import HttpOptions

OPTIONS: Final[HttpOptions] = {
    "exclude": ("/excluded", "/metrics"),
    "metrics_path": "/shown",
    "page_path": "/live",
}
"""What is recorded, and where metrics and the page are served."""

ORDER_ROUTES: Final = {
    "aiohttp": "/orders/{order_id}",
    "django by asgi": "/orders/<int:order_id>/",
    "django by wsgi": "/orders/<int:order_id>/",
    "fastapi": "/orders/{order_id}",
    "flask": "/orders/<int:order_id>",
    "litestar": "/orders/{order_id}",
    "starlette": "/orders/{order_id:int}",
}
"""The route template of an order in each framework."""

FRAMEWORKS: Final = tuple(ORDER_ROUTES)


class RunningShop:
    """A shop that is served, and the monitor that records its requests.

    Args:
        framework: the name of the framework.
        monitor: the monitor that records it.
        port: the port that it is served on.
    """

    def __init__(self, framework: str, monitor: vs.Monitor, port: int) -> None:
        self.monitor = monitor
        self.port = port
        self.order_route = ORDER_ROUTES[framework]
        self.order_path = "/orders/7/" if self.order_route.endswith("/") else "/orders/7"

    def call_after(self, action: Callable[[], Any]) -> vs.CallRecord:
        """Run an action, and return the call that is recorded."""
        before = len(self.monitor.recent_calls())
        action()
        wait_until(lambda: len(self.monitor.recent_calls()) > before)
        return self.monitor.recent_calls()[-1]

    def call_of(self, method: str, path: str, status: int) -> vs.CallRecord:
        """Make a request that results in a status, and return its call."""

        def request() -> None:
            assert ask(self.port, method, path) == status

        return self.call_after(request)


@contextmanager
def running_shop(
    framework: str, monitor: vs.Monitor, **more: Unpack[HttpOptions]
) -> Iterator[RunningShop]:
    """Record a shop of a framework, and serve it until the end."""
    name, _, server = framework.partition(" by ")
    serve: Callable[..., Any] = {
        "aiohttp": _serve_aiohttp,
        "django": partial(_serve_django, server),
        "flask": _serve_flask,
    }.get(name, partial(_serve_asgi, name))
    with serve({**OPTIONS, **more, "monitor": monitor}) as port:
        yield RunningShop(framework, monitor, port)


@contextmanager
def _serve_aiohttp(options: HttpOptions) -> Iterator[int]:
    from support.aiohttp_application import aiohttp_serving, aiohttp_shop
    from vitalspan.integrations.aiohttp import instrument, metrics_handler

    app = aiohttp_shop()
    for path in ("/metrics", "/metrics/{below:.*}"):
        app.router.add_get(path, metrics_handler(options["monitor"]))
    instrument(app, **options)
    instrument(app, **options)  # a second time changes nothing
    with aiohttp_serving(app) as port:
        yield port


@contextmanager
def _serve_django(server: str, options: HttpOptions) -> Iterator[int]:
    from django.core.asgi import get_asgi_application
    from django.core.wsgi import get_wsgi_application
    from django.test import override_settings

    import_module("support.django_application")
    with override_settings(VITALSPAN=options):
        served: Any = (
            wsgi_serving(get_wsgi_application())
            if server == "wsgi"
            else uvicorn_serving(get_asgi_application())
        )
        with served as port:
            yield port


@contextmanager
def _serve_flask(options: HttpOptions) -> Iterator[int]:
    from support.flask_application import flask_shop
    from vitalspan.integrations.flask import instrument

    app = flask_shop()
    instrument(app, **options)
    instrument(app, **options)  # a second time changes nothing
    with wsgi_serving(app) as port:
        yield port


@contextmanager
def _serve_asgi(name: str, options: HttpOptions) -> Iterator[int]:
    app = getattr(asgi_applications, f"{name}_shop")()
    instrument = import_module(f"vitalspan.integrations.{name}").instrument
    instrument(app, **options)
    instrument(app, **options)  # a second time changes nothing
    with uvicorn_serving(app) as port:
        yield port
