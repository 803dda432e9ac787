"""Requests that are made with requests as operations, by one line."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, Unpack
from urllib.parse import urlsplit

from vitalspan.integrations.client_operations import ClientOperations, ClientOptions, Url

if TYPE_CHECKING:
    import requests

__all__ = ["instrument"]


def instrument(**options: Unpack[ClientOptions]) -> None:
    """Record every request of every session from now on.

    A request that is redirected is recorded each time that it is sent. A second time changes
    nothing. Adapters that do not send by the one of requests are left alone.

    Args:
        **options: as `vitalspan.integrations.client_operations.ClientOptions` lists them.

    Raises:
        ConfigurationError: for an option that cannot be used.
        TypeError: for an option that there is not.
    """
    # Only who uses it has it installed.
    from requests.adapters import HTTPAdapter  # noqa: PLC0415

    operations = ClientOperations(options, "requests.RequestsInstrumentor")
    send: Any = HTTPAdapter.send
    if hasattr(send, "_vitalspan"):
        return

    @wraps(send)
    def send_recorded(
        self: HTTPAdapter, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> Any:
        call = operations.begin(request.method or "", _url(request))
        if call is None:
            return send(self, request, *args, **kwargs)
        with call:
            request.headers.update(call.headers)
            response = send(self, request, *args, **kwargs)
            call.status = response.status_code
            return response

    send_recorded._vitalspan = True  # type: ignore[attr-defined]  # noqa: SLF001
    HTTPAdapter.send = send_recorded  # type: ignore[method-assign]


def _url(request: requests.PreparedRequest) -> Url:
    try:
        parts = urlsplit(request.url or "")
        return Url(parts.scheme, parts.hostname or "", parts.port, parts.path)
    except ValueError:
        # The adapter will say what is wrong with it.
        return Url("", "", None, "")
