"""The page and its JSON API as responses of the HTTP server, of WSGI and of ASGI."""

from __future__ import annotations

import gzip
import ipaddress
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from vitalspan.exposition.negotiation import accepts_gzip
from vitalspan.runtime import fork
from vitalspan.serve.messages import Request, Response, make_response, text_response

if TYPE_CHECKING:
    from prometheus_client.registry import Collector

_PATHS: Final = ("/static/", "/api/v1/")

EVENTS_PATH: Final = "/api/v1/events"
"""The path of the event stream, which only servers that can hold connections open have."""

_COMPRESSED_FROM: Final = 1024
"""The minimum size in bytes of a body that is compressed."""


def is_page(path: str) -> bool:
    """Return whether a path belongs to the page or its API."""
    return path == "/" or path.startswith(_PATHS)


def respond_page(request: Request, registry: Collector) -> Response:
    """Return the response to a `GET` or `HEAD` request for the page or its API."""
    with fork.imports_finish_first:
        # Imported here, because a process whose page nobody opens does not need it.
        from vitalspan.page.routes import HEADERS, answer_path  # noqa: PLC0415

    found = answer_path(request.path, request.query, registry, trusted=request.trusted)
    headers = [*HEADERS, ("Vary", "Accept-Encoding")]
    if found.etag:
        headers.append(("ETag", found.etag))
        if found.etag in request.headers.get("if-none-match", ""):
            return Response(HTTPStatus.NOT_MODIFIED, headers, b"")
    if found.status == HTTPStatus.NO_CONTENT:
        return Response(found.status, headers, b"")
    body = found.body
    if len(body) >= _COMPRESSED_FROM and accepts_gzip(request.headers.get("accept-encoding")):
        body = _compressed(body)
        headers.append(("Content-Encoding", "gzip"))
    return make_response(found.status, body, found.content_type, *headers)


def redirect_into(script_name: str) -> Response:
    """Return the redirect from a mount to the page below it.

    The page's links are relative, so its address has to end in a slash.

    Args:
        script_name: the path of the mount.
    """
    # The location is relative, because a proxy may have removed the beginning of the path.
    location = ("Location", f"./{script_name.rstrip('/').rpartition('/')[2]}/")
    return text_response(HTTPStatus.PERMANENT_REDIRECT, "the page is below this path", location)


def misleading_host(request: Request) -> Response | None:
    """Return a refusal if a request to a local server names another host; None otherwise.

    This prevents DNS rebinding: a site whose name resolves to 127.0.0.1 could otherwise read the
    page through its visitor's browser. Browsers send the name that they asked for in `Host`.
    """
    host = request.headers.get("host")
    if host is None or is_loopback(host):
        return None
    return text_response(
        HTTPStatus.FORBIDDEN,
        "the page is served to this machine alone: ask for localhost or 127.0.0.1, or serve it on "
        "another address, or with users in a web configuration file",
    )


def is_loopback(host: str) -> bool:
    """Return whether an address or a `Host` header is only reachable from this machine."""
    if host.startswith("["):
        name = host[1:].partition("]")[0]
    elif host.count(":") > 1:
        name = host
    else:
        name = host.partition(":")[0].rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


@lru_cache(maxsize=32)
def _compressed(body: bytes) -> bytes:
    return gzip.compress(body, compresslevel=5, mtime=0)
