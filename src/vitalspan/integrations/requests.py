"""Records requests of the requests library as operations."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, Unpack
from urllib.parse import urlsplit

from vitalspan.integrations.client_operations import ClientOperations, ClientOptions, Url

if TYPE_CHECKING:
    import requests

__all__ = ["instrument"]


def instrument(**options: Unpack[ClientOptions]) -> None:
    """Record all requests of all sessions from now on.

    Each redirect counts as a request of its own. Calling it again changes nothing. Adapters that do
    not use the `send` of requests are not recorded.

    Args:
        **options: see `vitalspan.integrations.client_operations.ClientOptions`.

    Raises:
        ConfigurationError: for an invalid option.
        TypeError: for an unknown option.
    """
    # Imported here, because it is an optional dependency.
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
        # The adapter will report what is wrong with the URL.
        return Url("", "", None, "")
