"""Records requests of httpx as operations."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, Unpack

from vitalspan.integrations.client_operations import ClientOperations, ClientOptions, Url

if TYPE_CHECKING:
    import httpx

__all__ = ["instrument"]


def instrument(**options: Unpack[ClientOptions]) -> None:
    """Record all requests of all clients, sync and async, from now on.

    Each redirect counts as a request of its own. Calling it again changes nothing. Transports of
    other libraries, and mock transports, are not recorded.

    Args:
        **options: see `vitalspan.integrations.client_operations.ClientOptions`.

    Raises:
        ConfigurationError: for an invalid option.
        TypeError: for an unknown option.
    """
    # Imported here, because it is an optional dependency.
    from httpx import AsyncHTTPTransport, HTTPTransport  # noqa: PLC0415

    operations = ClientOperations(options, "httpx.HTTPXClientInstrumentor")
    handle: Any = HTTPTransport.handle_request
    handle_async: Any = AsyncHTTPTransport.handle_async_request
    if hasattr(handle, "_vitalspan"):
        return

    @wraps(handle)
    def handle_request(self: HTTPTransport, request: httpx.Request) -> Any:
        call = operations.begin(request.method, _url(request))
        if call is None:
            return handle(self, request)
        with call:
            request.headers.update(call.headers)
            response = handle(self, request)
            call.status = response.status_code
            return response

    @wraps(handle_async)
    async def handle_async_request(self: AsyncHTTPTransport, request: httpx.Request) -> Any:
        call = operations.begin(request.method, _url(request))
        if call is None:
            return await handle_async(self, request)
        with call:
            request.headers.update(call.headers)
            response = await handle_async(self, request)
            call.status = response.status_code
            return response

    handle_request._vitalspan = True  # type: ignore[attr-defined]  # noqa: SLF001
    HTTPTransport.handle_request = handle_request  # type: ignore[method-assign]
    AsyncHTTPTransport.handle_async_request = handle_async_request  # type: ignore[method-assign]


def _url(request: httpx.Request) -> Url:
    url = request.url
    return Url(url.scheme, url.host, url.port, url.path)
