"""Counts the messages of aiohttp's WebSockets on the call of the connection."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from aiohttp import web

    from vitalspan.recording.call import Call

_SENDING: Final = ("send_str", "send_bytes")
"""The methods that send; those for JSON use them, too."""


def count_messages(socket: web.WebSocketResponse, call: Call) -> None:
    """Count the messages that a WebSocket sends and receives from now on.

    Pings, pongs and the end of the connection are not counted.

    Args:
        socket: the WebSocket.
        call: the call of the connection, which gets `messages_sent` and `messages_received`.
    """
    for name in _SENDING:
        setattr(socket, name, _counting_sent(getattr(socket, name), call))
    # All other methods that receive, and the iterator, use this one.
    socket.receive = _counting_received(socket.receive, call)  # type: ignore[method-assign]


def _counting_sent(send: Callable[..., Awaitable[None]], call: Call) -> Any:
    async def sent(*args: Any, **kwargs: Any) -> None:
        await send(*args, **kwargs)
        call.add("messages_sent")

    return sent


def _counting_received(receive: Callable[..., Awaitable[Any]], call: Call) -> Any:
    from aiohttp import WSMsgType  # noqa: PLC0415 - the framework is there where its requests are

    async def received(*args: Any, **kwargs: Any) -> Any:
        message = await receive(*args, **kwargs)
        if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
            call.add("messages_received")
        return message

    return received
