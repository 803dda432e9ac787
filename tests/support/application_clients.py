"""Clients that call a WSGI or ASGI application without a server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from io import BytesIO
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

from prometheus_client.registry import Collector

from vitalspan.serve.asgi import make_asgi_app
from vitalspan.serve.wsgi import make_wsgi_app

Answer = tuple[int, dict[str, str], bytes]
Ask = Callable[..., Answer]


def wsgi_ask(registry: Collector) -> Ask:
    app = validator(make_wsgi_app(registry))

    def ask(method: str = "GET", path: str = "/", query: str = "", **headers: str) -> Answer:
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "SCRIPT_NAME": "/mounted",
        }
        environ |= {"QUERY_STRING": query, "wsgi.input": BytesIO()}
        environ |= {f"HTTP_{name.upper()}": value for name, value in headers.items()}
        setup_testing_defaults(environ)
        started: list[Any] = []
        parts = app(
            environ, lambda status, headers, exc_info=None: started.extend((status, headers))
        )
        body = b"".join(parts)
        parts.close()
        status, pairs = started
        return int(status.split()[0]), dict(pairs), body

    return ask


def asgi_ask(registry: Collector) -> Ask:
    app = make_asgi_app(registry)

    def ask(method: str = "GET", path: str = "/", query: str = "", **headers: str) -> Answer:
        pairs = [(name.replace("_", "-").encode(), v.encode()) for name, v in headers.items()]
        scope = {"type": "http", "method": method, "path": path, "headers": pairs}
        sent = asyncio.run(converse(app, scope | {"query_string": query.encode()}))
        start, body = sent
        assert start["type"] == "http.response.start"
        assert body["type"] == "http.response.body"
        assert not body.get("more_body")
        assert all(name == name.lower() for name, _ in start["headers"])
        answered = {k.decode().title(): v.decode() for k, v in start["headers"]}
        return start["status"], answered, body["body"]

    return ask


async def converse(
    app: Callable[..., Awaitable[None]], scope: dict[str, Any], *events: dict[str, Any]
) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []
    incoming = iter(events)

    async def receive() -> dict[str, Any]:
        return next(incoming)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent
