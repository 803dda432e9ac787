"""A WSGI application whose calls are counted: `/metrics` shows those of all workers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

import vitalspan as vs

metrics = vs.make_wsgi_app()


@vs.operation("work")
def work() -> bytes:
    """Return the id of the process."""
    return str(os.getpid()).encode()


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer a request."""
    if environ["PATH_INFO"] == "/metrics":
        return metrics(environ, start_response)
    body = work()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
