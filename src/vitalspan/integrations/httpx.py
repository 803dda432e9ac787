"""Requests that are made with httpx as operations, by one line."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, Unpack

from vitalspan.integrations.client_operations import ClientOperations, ClientOptions, Url

if TYPE_CHECKING:
    import httpx

__all__ = ["instrument"]


def instrument(**options: Unpack[ClientOptions]) -> None:
    """Record every request of every client, synchronous and asynchronous, from now on.

    A request that is redirected is recorded each time that it is sent. A second time changes
    nothing. Transports of other libraries, and those that answer by themselves, are left alone.

    Args:
        **options: as `vitalspan.integrations.client_operations.ClientOptions` lists them.

    Raises:
        ConfigurationError: for an option that cannot be used.
        TypeError: for an option that there is not.
    """
    # Only who uses it has it installed.
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
