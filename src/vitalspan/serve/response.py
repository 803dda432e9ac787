"""From a request to an answer: the one place that the HTTP server, WSGI and ASGI share."""

from __future__ import annotations

import gzip
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import parse_qs

from vitalspan.bridge.exposition import generate_latest
from vitalspan.bridge.negotiation import accepts_gzip, negotiate
from vitalspan.serve.probes import HEALTH_PATH, probe_at

if TYPE_CHECKING:
    from prometheus_client.registry import Collector

METRICS_PATH: Final = "/metrics"

_ALLOWED: Final = ("Allow", "GET, HEAD, OPTIONS")
# Text full of repeated names shrinks to a tenth at any level; higher ones only cost CPU time.
_GZIP_LEVEL: Final = 3
_LANDING_PAGE: Final = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>vitalspan</title>'
    f'<h1>vitalspan</h1><p><a href="{METRICS_PATH}">Metrics</a></p>'
    f'<p><a href="{HEALTH_PATH}">Health</a></p></html>\n'
).encode()

_log = logging.getLogger(__name__)


class Request(NamedTuple):
    """What an answer depends on."""

    method: str
    path: str
    query: str = ""
    accept: str | None = None
    accept_encoding: str | None = None


class Response(NamedTuple):
    """An answer; with `Content-Length` where a body belongs, even if `HEAD` left it out."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def status_line(self) -> str:
        """The code and its phrase, as in `404 Not Found`."""
        return f"{self.status} {HTTPStatus(self.status).phrase}"


def respond(request: Request, registry: Collector, *, any_path: bool) -> Response:
    """Answer a request; whatever goes wrong inside becomes a 500 that tells nothing.

    Args:
        request: the request.
        registry: whose metrics are shown.
        any_path: whether every path shows the metrics, but for those that end like a probe's, as
            in an application that is mounted somewhere. Otherwise `/metrics` does, the probes
            have theirs, `/` links to both, and the rest is not found.
    """
    try:
        response = _route(request, registry, any_path=any_path)
    except Exception:  # noqa: BLE001 - the last line of defence of every door
        _log.exception("the metrics could not be rendered")
        response = text_response(HTTPStatus.INTERNAL_SERVER_ERROR, "the metrics failed to render")
    if request.method == "HEAD":
        return response._replace(body=b"")
    return response


def text_response(status: int, text: str, *headers: tuple[str, str]) -> Response:
    """A short answer in plain text for a person to read."""
    return _response(status, f"{text}\n".encode(), "text/plain; charset=utf-8", *headers)


def _route(request: Request, registry: Collector, *, any_path: bool) -> Response:
    if request.method == "OPTIONS":
        return Response(HTTPStatus.NO_CONTENT, [_ALLOWED], b"")
    if request.method not in {"GET", "HEAD"}:
        return text_response(
            HTTPStatus.METHOD_NOT_ALLOWED, "only GET, HEAD and OPTIONS are allowed", _ALLOWED
        )
    probe = probe_at(request.path, any_path=any_path)
    if probe is not None:
        found = probe(registry)
        no_store = ("Cache-Control", "no-store")
        return _response(found.status, found.body, found.content_type, no_store)
    if any_path:
        # Browsers ask for it after every page; it should not cost a scrape.
        shows_metrics = not request.path.endswith("/favicon.ico")
    else:
        shows_metrics = request.path == METRICS_PATH
    if shows_metrics:
        return _metrics(request, registry)
    if request.path == "/":
        return _response(HTTPStatus.OK, _LANDING_PAGE, "text/html; charset=utf-8")
    return text_response(HTTPStatus.NOT_FOUND, f"nothing here; the metrics are at {METRICS_PATH}")


def _metrics(request: Request, registry: Collector) -> Response:
    choice = negotiate(request.accept)
    names = parse_qs(request.query, errors="replace").get("name[]")
    body = generate_latest(
        registry, format=choice.format, escaping=choice.escaping, names=names and set(names)
    )
    headers = [("Vary", "Accept, Accept-Encoding")]
    if accepts_gzip(request.accept_encoding):
        body = gzip.compress(body, compresslevel=_GZIP_LEVEL, mtime=0)
        headers.append(("Content-Encoding", "gzip"))
    return _response(HTTPStatus.OK, body, choice.content_type, *headers)


def _response(status: int, body: bytes, content_type: str, *headers: tuple[str, str]) -> Response:
    length = ("Content-Length", str(len(body)))
    return Response(status, [("Content-Type", content_type), *headers, length], body)
