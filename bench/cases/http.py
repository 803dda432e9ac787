"""The cost of recording a request, compared with libraries that do the same.

The words on the command line are `fastapi`, `flask` or `django`, and perhaps `spans`: then every
request is a span as well, and libraries that make none are left out. Applications are called as a
server would call them, without one: a socket costs more than all of this, and would hide it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from io import BytesIO
from typing import Any

from cases.http_apps import PEERS, applications
from harness import Subject, arguments, arounds, emit, pin, rounds, summary, versions


def asgi_subject(app: Any, finish: Callable[[], Any] | None = None) -> Subject:
    """An ASGI application that is called again and again."""
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

    return Subject(call, finish)


def wsgi_subject(app: Any, finish: Callable[[], Any] | None = None) -> Subject:
    """A WSGI application that is called again and again."""
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

    return Subject(call, finish)


def main() -> None:
    """Measure one framework."""
    effort, (framework, *spans) = arguments()
    pin(1)
    awaited = framework == "fastapi"
    subject = asgi_subject if awaited else wsgi_subject
    subjects = {name: subject(*one) for name, one in applications(framework).items()}
    if spans:
        subjects = {name: subjects[name] for name in ("plain", "vitalspan", "otel")}
    seen = asyncio.run(arounds(subjects, effort)) if awaited else rounds(subjects, effort)
    kind = "async" if awaited else "sync"
    packages = (framework, *PEERS[framework], f"opentelemetry-instrumentation-{framework}")
    calls = {name: {kind: figures} for name, figures in summary(seen).items()}
    emit(calls=calls, packages=versions(*packages))


if __name__ == "__main__":
    main()
