"""The lifespan of an ASGI application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from vitalspan.runtime import sigterm

Messages = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Messages]]
Send = Callable[[Messages], Awaitable[None]]
Application = Callable[[Messages, Receive, Send], Awaitable[None]]


async def run_lifespan(app: Application, scope: Messages, receive: Receive, send: Send) -> None:
    """Run the lifespan of an application, and wait for pushes when it has shut down.

    Args:
        app: the application.
        scope: the scope of the lifespan.
        receive: the server's `receive`.
        send: the server's `send`.
    """
    # gunicorn's workers replace the signal handlers of the process that imported the application.
    sigterm.install()

    async def send_after_pushes(message: Messages) -> None:
        if message["type"] in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
            # Nothing else runs in this event loop any more. The server may end the process with a
            # signal next, which `atexit` functions would not notice.
            sigterm.finish_all(ending=False)
        await send(message)

    await app(scope, receive, send_after_pushes)
