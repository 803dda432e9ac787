"""An HTTP client whose requests have their own connections and time limits, and can be aborted."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import h11

from vitalspan.http_client.connection import Connection, HttpError, events_of
from vitalspan.http_client.environment_proxy import through_environment_proxy
from vitalspan.http_client.target import HttpTarget

NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})

_OWN: Final = frozenset({"content-length", "content-encoding", "transfer-encoding"})
"""Headers that a request has anyway; those of a user would contradict them."""

_FOLLOWED: Final = (301, 302, 303, 307, 308)
_BECOMES_GET: Final = (301, 302, 303)
_MAX_REDIRECTIONS: Final = 10


class HttpResponse(NamedTuple):
    """An HTTP response; the names of its headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpClient:
    """A client of one target, which sends each request over a new connection.

    Args:
        target: the URL and the headers.
        most: the size limit of a response's body in bytes; a larger one is truncated.
        whole: whether an incomplete body is an error. Otherwise its beginning is returned.
    """

    def __init__(self, target: HttpTarget, most: int, *, whole: bool = True) -> None:
        self._target = target
        self._most = most
        self._whole = whole
        self._connection: Connection | None = None

    def request(
        self,
        method: str,
        selector: str,
        body: bytes = b"",
        headers: Mapping[str, str] = NO_HEADERS,
        remaining: Callable[[], float] | None = None,
    ) -> HttpResponse:
        """Send a request without following redirects, and return the response with any status.

        Args:
            method: the method of the request.
            selector: the path and the query of the URL.
            body: the body to send.
            headers: headers that precede those of the target.
            remaining: returns the seconds that the next wait may take; None gives each wait the
                target's time-out.

        Raises:
            HttpError: if there is no response.
        """
        target = self._target
        connection = Connection(target, remaining or (lambda: target.timeout))
        self._connection = connection
        try:
            request = _request(target, method, selector, len(body), headers)
            with contextlib.closing(connection):
                return self._exchange(connection, request, body)
        except (OSError, UnicodeError, h11.ProtocolError) as error:
            raise HttpError(error) from None

    def abort(self) -> None:
        """Make a request that is running in another thread fail."""
        connection = self._connection
        if connection is not None:
            connection.abort()

    def _exchange(self, connection: Connection, request: h11.Request, body: bytes) -> HttpResponse:
        protocol = h11.Connection(h11.CLIENT)
        connection.connect()
        head = protocol.send(request) or b""
        data = (protocol.send(h11.Data(data=body)) or b"") if body else b""
        protocol.send(h11.EndOfMessage())
        unsent: OSError | None = None
        try:
            connection.send(head + data)
        except ConnectionError as broken:
            # A server that refuses a request by its headers may respond and disconnect.
            unsent = broken
        try:
            return _response(events_of(protocol, connection), self._most, whole=self._whole)
        except (OSError, h11.RemoteProtocolError):
            if unsent is not None:
                raise unsent from None
            raise


def fetch(
    target: HttpTarget,
    selector: str,
    form: bytes = b"",
    headers: Mapping[str, str] = NO_HEADERS,
    *,
    most: int,
) -> HttpResponse:
    """Return the response to a GET, or to a POST of a form.

    Proxies from the environment are used. Redirects are followed, those to another server without
    the password.

    Args:
        target: the target, with the headers to send.
        selector: the path and the query of the request.
        form: the form to post; empty for a GET.
        headers: headers that take precedence over those of the target.
        most: the maximum size of the response's body in bytes; a larger one is cut off.

    Raises:
        ConfigurationError: for a redirect to an invalid URL.
        HttpError: if there is no response, or the environment has an invalid proxy.
    """
    for _ in range(1 + _MAX_REDIRECTIONS):
        method = "POST" if form else "GET"
        client = HttpClient(through_environment_proxy(target), most)
        response = client.request(method, selector, form, headers)
        location = response.headers.get("location")
        if response.status not in _FOLLOWED or location is None:
            break
        target = target.redirected(location, selector)
        selector = target.selector
        if response.status in _BECOMES_GET:
            form = b""
    return response


def _request(
    target: HttpTarget, method: str, selector: str, length: int, headers: Mapping[str, str]
) -> h11.Request:
    fields = {"host": ("Host", target.authority)}
    fields |= {name.lower(): (name, value) for name, value in target.headers.items()}
    fields = {name: pair for name, pair in fields.items() if name not in _OWN}
    if not length:
        fields.pop("content-type", None)
    more = dict(headers)
    if target.proxy is not None and target.tls is None:
        more |= target.proxy.headers
        selector = target.absolute(selector)
    if length:
        more["Content-Length"] = str(length)
    fields |= {name.lower(): (name, value) for name, value in more.items()}
    encoded = (
        (name.encode("ascii"), value.strip(" \t").encode("latin-1"))
        for name, value in fields.values()
    )
    return h11.Request(method=method, target=selector, headers=[*encoded])


def _response(events: Iterator[Any], most: int, *, whole: bool) -> HttpResponse:
    status, headers, body = 0, dict[str, str](), bytearray()
    try:
        for event in events:
            if isinstance(event, h11.Response):
                status = event.status_code
                headers = {
                    name.decode("latin-1").lower(): value.decode("latin-1")
                    for name, value in event.headers
                }
            elif isinstance(event, h11.Data):
                body += event.data
            if isinstance(event, h11.EndOfMessage) or len(body) > most:
                break
            if isinstance(event, h11.ConnectionClosed):
                raise ConnectionError("the server closed the connection")
    except (OSError, h11.RemoteProtocolError):
        if whole or not status:
            raise
    return HttpResponse(status, headers, bytes(body))
