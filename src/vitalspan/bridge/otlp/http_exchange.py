"""A single HTTP request on a connection of its own, within a deadline."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Final, NamedTuple

import h11

from vitalspan.bridge.otlp.transport import Wire, authority_of
from vitalspan.http_target import HttpTarget

_OWN: Final = frozenset({"host", "content-length", "content-encoding", "transfer-encoding"})
"""Headers that a request has by itself; those of a user would contradict them."""


class Answer(NamedTuple):
    """An HTTP response; the names of its headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def request_headers(target: HttpTarget, **more: str) -> list[tuple[bytes, bytes]]:
    """Return the headers of a request, without its length.

    Args:
        target: where to, and with which headers.
        **more: go before those of the target; an underscore stands for a hyphen.
    """
    own = {name.replace("_", "-"): value for name, value in more.items()}
    headers = {name.lower(): (name, value) for name, value in target.headers.items()}
    headers = {name: pair for name, pair in headers.items() if name not in _OWN}
    headers |= {name.lower(): (name, value) for name, value in own.items()}
    encoded = (
        (name.encode("ascii"), value.strip(" \t").encode("latin-1"))
        for name, value in headers.values()
    )
    return [(b"Host", authority_of(target).encode("ascii")), *encoded]


def exchange(
    wire: Wire,
    request: h11.Request,
    body: bytes,
    deadline: float,
    *,
    most: int,
) -> Answer:
    """Send a request and return its answer; the connection is closed then.

    Args:
        wire: is not connected yet.
        request: its head.
        body: what follows it.
        deadline: on the wire's clock.
        most: bytes of the answer's body; one that is larger is cut off there.

    Raises:
        OSError: if the network fails.
        h11.RemoteProtocolError: for an answer that is none.
    """
    connection = h11.Connection(h11.CLIENT)
    with contextlib.closing(wire):
        wire.connect(deadline)
        head = connection.send(request) or b""
        data = (connection.send(h11.Data(data=body)) or b"") if body else b""
        connection.send(h11.EndOfMessage())
        unsent: OSError | None = None
        try:
            wire.send(head + data, deadline)
        except ConnectionError as broken:
            # Who refuses a request by its head alone may answer and hang up.
            unsent = broken
        try:
            return _answer(connection, wire, deadline, most)
        except (OSError, h11.RemoteProtocolError):
            if unsent is not None:
                raise unsent from None
            raise


def _answer(connection: h11.Connection, wire: Wire, deadline: float, most: int) -> Answer:
    status, headers, body = 0, dict[str, str](), bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(wire.receive(deadline))
        elif isinstance(event, h11.Response):
            status = event.status_code
            headers = {
                name.decode("latin-1").lower(): value.decode("latin-1")
                for name, value in event.headers
            }
        elif isinstance(event, h11.Data):
            body += event.data
        if isinstance(event, h11.EndOfMessage) or len(body) > most:
            return Answer(status, headers, bytes(body))
        if isinstance(event, h11.ConnectionClosed):
            raise ConnectionError("the other side hung up")
