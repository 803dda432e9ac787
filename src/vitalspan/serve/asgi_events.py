"""The stream of events for pages, sent by an ASGI application."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http import HTTPStatus
from typing import Any

from vitalspan.runtime import fork

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def send_events(registry: object, receive: Receive, send: Send) -> None:
    """Send events until the client disconnects.

    Args:
        registry: the registry of the service that the events are about.
        receive: the application's `receive`.
        send: the application's `send`.
    """
    with fork.imports_finish_first:
        # Imported here, because a process whose page nobody opens does not need it.
        from vitalspan.page.events import HEADERS, OPENING, EventFeed  # noqa: PLC0415
        from vitalspan.page.watches import watches  # noqa: PLC0415

    await send_head(HTTPStatus.OK, HEADERS, send)
    await send({"type": "http.response.body", "body": OPENING, "more_body": True})
    gone = asyncio.ensure_future(_until_gone(receive))
    feed, woken = EventFeed(registry), threading.Event()
    watches.wake_with_another(woken)
    try:
        while not gone.done():
            anew = woken.is_set()
            woken.clear()
            data = await asyncio.to_thread(feed.step, anew=anew)
            if data:
                await send({"type": "http.response.body", "body": data, "more_body": True})
            await _pause(gone, woken, feed.seconds)
    finally:
        gone.cancel()


async def send_head(status: int, headers: Iterable[tuple[str, str]], send: Send) -> None:
    """Send the status and the headers of a response."""
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": pairs})


async def _pause(gone: asyncio.Future[None], woken: threading.Event, seconds: float) -> None:
    """Wait some seconds, or until the client disconnects or somebody else starts to watch."""
    while seconds > 0 and not gone.done() and not woken.is_set():
        await asyncio.wait([gone], timeout=min(1.0, seconds))
        seconds -= 1.0


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
