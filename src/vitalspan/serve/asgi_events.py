"""Events for pages, as an ASGI application sends them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any

from vitalspan.runtime import fork

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def send_events(registry: object, receive: Receive, send: Send) -> None:
    """Send events until the client has gone.

    Args:
        registry: whose service they are about.
        receive: of the application.
        send: of the application.
    """
    with fork.imports_finish_first:
        # A process that nobody looks at needs none of this.
        from vitalspan.page.events import (  # noqa: PLC0415
            CONTENT_TYPE,
            OPENING,
            event,
            seconds_between,
        )
        from vitalspan.page.site import HEADERS  # noqa: PLC0415

    headers = [*HEADERS, ("Content-Type", CONTENT_TYPE), ("X-Accel-Buffering", "no")]
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers]
    await send({"type": "http.response.start", "status": HTTPStatus.OK, "headers": pairs})
    await send({"type": "http.response.body", "body": OPENING, "more_body": True})
    gone = asyncio.ensure_future(_until_gone(receive))
    try:
        while not gone.done():
            data = await asyncio.to_thread(event, registry)
            await send({"type": "http.response.body", "body": data, "more_body": True})
            await asyncio.wait([gone], timeout=seconds_between(registry))
    finally:
        gone.cancel()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
