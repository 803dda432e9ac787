"""Requests and responses, the same for the HTTP server, WSGI and ASGI."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Final, NamedTuple

TEXT: Final = "text/plain; charset=utf-8"

_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


class Request(NamedTuple):
    """A request without its body, which is never read.

    Attributes:
        method: as the client wrote it; methods are case-sensitive.
        path: with percent-encoding decoded.
        query: what follows the question mark, still encoded.
        headers: values by lower-case names.
        trusted: whether the server listens for its own machine alone, or knows who asks.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = _NO_HEADERS
    trusted: bool = False


class Response(NamedTuple):
    """A response.

    Attributes:
        status: the status code.
        headers: with `Content-Length` wherever `GET` would have a body, even if `HEAD` left it out.
        body: what follows the headers.
        begin_stream: is given the function that sends more of the body, if more of it follows until
            one of both sides ends the connection; None for most responses.
    """

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    begin_stream: Callable[[Callable[[bytes], None]], None] | None = None

    @property
    def reason(self) -> str:
        """The phrase of the status code, as in `Not Found`."""
        return HTTPStatus(self.status).phrase

    def to(self, request: Request) -> Response:
        """Return the response as this request gets it: without a body if it is a `HEAD`."""
        return self._replace(body=b"") if request.method == "HEAD" else self


def make_response(
    status: int, body: bytes, content_type: str, *headers: tuple[str, str]
) -> Response:
    """Make a response with a body."""
    length = ("Content-Length", str(len(body)))
    return Response(status, [("Content-Type", content_type), *headers, length], body)


def text_response(status: int, text: str, *headers: tuple[str, str]) -> Response:
    """Make a short response in plain text, for a person to read."""
    return make_response(status, f"{text}\n".encode(), TEXT, *headers)


def join_headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Put headers into a dictionary; repeated ones become one list, as RFC 9110, 5.3 allows.

    Args:
        pairs: names in lower case, and values.
    """
    headers: dict[str, str] = {}
    for encoded_name, encoded_value in pairs:
        name, value = encoded_name.decode("latin-1"), encoded_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
