"""Routes: which path has which response, shared by the HTTP server, WSGI and ASGI."""

from __future__ import annotations

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from vitalspan.serve.messages import Request, Response, text_response
from vitalspan.serve.page import is_page, respond_page
from vitalspan.serve.probes import PROBES
from vitalspan.serve.scrape import scrape, scrape_options

if TYPE_CHECKING:
    from prometheus_client.registry import Collector

METRICS_PATH: Final = "/metrics"

_ALLOWED: Final = ("Allow", "GET, HEAD, OPTIONS")

_log = logging.getLogger(__name__)

Route = Callable[[Request, "Collector"], Response]


def respond(request: Request, registry: Collector, *, any_path: bool) -> Response:
    """Return the response to a request; an internal error becomes a 500 without details.

    Args:
        request: the request.
        registry: the registry whose metrics are served.
        any_path: whether every path serves the metrics, except those that end like a probe's, as in
            an application that is mounted somewhere. Otherwise `/metrics` has the metrics, the
            probes have their own paths, `/` is the page with its API below it, and all else is a
            404.
    """
    try:
        response = _respond(request, registry, any_path=any_path)
    except Exception:  # noqa: BLE001 - a client must get some response, whatever was raised
        _log.exception("the response to %r failed", request.path)
        response = text_response(HTTPStatus.INTERNAL_SERVER_ERROR, "the metrics failed to render")
    return response.to(request)


def is_scrape(request: Request) -> bool:
    """Return whether a request to the HTTP server asks for the metrics."""
    return request.method in {"GET", "HEAD"} and _ROUTES.get(request.path) is _metrics


def is_probe(request: Request, *, any_path: bool = True) -> bool:
    """Return whether a request to a mounted application asks for a probe."""
    if not any_path:
        return request.path.removesuffix("/") in PROBES
    return _mounted_route(request.path) not in {_metrics, _not_found}


def _respond(request: Request, registry: Collector, *, any_path: bool) -> Response:
    if request.method == "OPTIONS":
        return Response(HTTPStatus.NO_CONTENT, [_ALLOWED], b"")
    if request.method not in {"GET", "HEAD"}:
        return text_response(
            HTTPStatus.METHOD_NOT_ALLOWED, "only GET, HEAD and OPTIONS are allowed", _ALLOWED
        )
    path = request.path
    route = _mounted_route(path) if any_path else _served_route(path)
    return route(request, registry)


def _metrics(request: Request, registry: Collector) -> Response:
    return scrape(registry, scrape_options(request))


def _not_found(_: Request, __: Collector) -> Response:
    return text_response(HTTPStatus.NOT_FOUND, f"nothing here; the metrics are at {METRICS_PATH}")


def _served_route(path: str) -> Route:
    """Return the route of a path of the HTTP server or of an application with the page."""
    return respond_page if is_page(path) else _ROUTES.get(path, _not_found)


def _mounted_route(path: str) -> Route:
    """Return the route of a path in a mounted application."""
    path = path.rstrip("/")
    # Browsers ask for the icon after every page, which should not cost a scrape.
    if path.endswith("/favicon.ico"):
        return _not_found
    return next((route for end, route in PROBES.items() if path.endswith(end)), _metrics)


_EXACT: Final[dict[str, Route]] = {METRICS_PATH: _metrics, **PROBES}

_ROUTES: Final = {f"{path}{slash}": _EXACT[path] for path in _EXACT for slash in ("", "/")}
"""The routes of the HTTP server, with and without a trailing slash."""
