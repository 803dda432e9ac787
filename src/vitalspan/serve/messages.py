"""Requests and responses, shared by the HTTP server, WSGI and ASGI."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Final, NamedTuple

TEXT: Final = "text/plain; charset=utf-8"

_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


class Request(NamedTuple):
    """A request, without its body, which is never read.

    Attributes:
        method: the method as the client sent it; methods are case-sensitive.
        path: the path, with percent-encoding decoded.
        query: the part after the question mark, still encoded.
        headers: the values by lower-case names.
        trusted: whether the server is only reachable from its own machine, or authenticates
            clients.
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
        headers: the headers, with `Content-Length` wherever `GET` would have a body, even for
            `HEAD`.
        body: the bytes after the headers.
        begin_stream: called with a function that sends more of the body, if the response is a
            stream that goes on until either side disconnects; None for most responses.
    """

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    begin_stream: Callable[[Callable[[bytes], None]], None] | None = None

    @property
    def reason(self) -> str:
        """The reason phrase of the status code, such as `Not Found`."""
        return HTTPStatus(self.status).phrase

    def to(self, request: Request) -> Response:
        """Return the response for this request: without a body if the method is `HEAD`."""
        return self._replace(body=b"") if request.method == "HEAD" else self


def make_response(
    status: int, body: bytes, content_type: str, *headers: tuple[str, str]
) -> Response:
    """Make a response with a body."""
    length = ("Content-Length", str(len(body)))
    return Response(status, [("Content-Type", content_type), *headers, length], body)


def text_response(status: int, text: str, *headers: tuple[str, str]) -> Response:
    """Make a short response in plain text, for people to read."""
    return make_response(status, f"{text}\n".encode(), TEXT, *headers)


def join_headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Put headers into a dictionary; repeated ones are joined to a list (RFC 9110, 5.3).

    Args:
        pairs: pairs of a lower-case name and a value.
    """
    headers: dict[str, str] = {}
    for encoded_name, encoded_value in pairs:
        name, value = encoded_name.decode("latin-1"), encoded_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
