"""The beginning and the end of an ASGI application, as its server tells of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from vitalspan.runtime import sigterm

Messages = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Messages]]
Send = Callable[[Messages], Awaitable[None]]
Application = Callable[[Messages, Receive, Send], Awaitable[None]]


async def run_lifespan(app: Application, scope: Messages, receive: Receive, send: Send) -> None:
    """Run the lifespan of an application, and let pushes finish when it has shut down.

    Args:
        app: the application.
        scope: of the lifespan.
        receive: of the server.
        send: of the server.
    """
    # Workers of gunicorn have other handlers than the process that imported the application.
    sigterm.install()

    async def send_after_pushes(message: Messages) -> None:
        if message["type"] in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
            # Nothing else runs in this event loop any more. The server may end the process by a
            # signal next, which no function of `atexit` would see.
            sigterm.finish_all(ending=False)
        await send(message)

    await app(scope, receive, send_after_pushes)
