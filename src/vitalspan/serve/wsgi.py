"""A WSGI application that serves metrics and probes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import REGISTRY

from vitalspan.serve.messages import Request
from vitalspan.serve.page import redirect_into
from vitalspan.serve.routes import respond

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from prometheus_client.registry import Collector


def make_wsgi_app(registry: Collector = REGISTRY, *, page: bool = False) -> WSGIApplication:
    """Make a WSGI application that serves a registry's metrics at every path below its mount.

    Paths that end in `/-/live`, `/-/ready` or `/health` are probes.

    Args:
        registry: the registry whose metrics are served.
        page: whether to serve everything that the HTTP server does: the live page at the mount with
            the JSON API below it, the metrics at `/metrics` and the probes at their paths. The
            application around it has to keep out everyone who may not see the page.
    """

    def metrics_app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(
            method=environ["REQUEST_METHOD"],
            path=environ.get("PATH_INFO", ""),
            query=environ.get("QUERY_STRING", ""),
            headers={
                "accept": environ.get("HTTP_ACCEPT", ""),
                "accept-encoding": environ.get("HTTP_ACCEPT_ENCODING", ""),
                "if-none-match": environ.get("HTTP_IF_NONE_MATCH", ""),
            },
        )
        if page and not request.path:
            response = redirect_into(environ.get("SCRIPT_NAME", "")).to(request)
        else:
            response = respond(request, registry, any_path=not page)
        start_response(f"{response.status} {response.reason}", response.headers)
        return [response.body]

    return metrics_app
