"""An ASGI application whose calls are counted: `/metrics` shows those of all workers."""

from __future__ import annotations

from typing import Any

import vitalspan as vs

metrics = vs.make_asgi_app()


@vs.operation("work")
async def work() -> bytes:
    """Do nothing."""
    return b"done"


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer a request."""
    if scope["type"] != "http":
        return
    if scope["path"] == "/metrics":
        await metrics(scope, receive, send)
        return
    body = await work()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
