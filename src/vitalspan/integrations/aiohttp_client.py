"""Records requests of aiohttp's client as operations."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Unpack

from vitalspan.integrations.client_operations import ClientOperations, ClientOptions, Url

if TYPE_CHECKING:
    import aiohttp
    from yarl import URL

__all__ = ["instrument", "trace_config"]

_SEE_OTHER: Final = 303
_MOVED: Final = (301, 302)


def instrument(**options: Unpack[ClientOptions]) -> None:
    """Record all requests of all sessions that are created from now on.

    Calling it again changes nothing.

    Args:
        **options: see `vitalspan.integrations.client_operations.ClientOptions`.

    Raises:
        ConfigurationError: for an invalid option.
        TypeError: for an unknown option.
    """
    # Imported here, because it is an optional dependency.
    from aiohttp import ClientSession  # noqa: PLC0415

    ours = trace_config(**options)
    init: Any = ClientSession.__init__
    if hasattr(init, "_vitalspan"):
        return

    @wraps(init)
    def init_recorded(self: ClientSession, *args: Any, **kwargs: Any) -> None:
        configs = list(kwargs.get("trace_configs") or ())
        if not any(hasattr(config, "_vitalspan") for config in configs):
            kwargs["trace_configs"] = [*configs, ours]
        init(self, *args, **kwargs)

    init_recorded._vitalspan = True  # type: ignore[attr-defined]  # noqa: SLF001
    ClientSession.__init__ = init_recorded  # type: ignore[method-assign]


def trace_config(**options: Unpack[ClientOptions]) -> aiohttp.TraceConfig:
    """Make a configuration that records one session: `ClientSession(trace_configs=[it])`.

    Args:
        **options: see `vitalspan.integrations.client_operations.ClientOptions`.

    Raises:
        ConfigurationError: for an invalid option.
        TypeError: for an unknown option.
    """
    from aiohttp import TraceConfig  # noqa: PLC0415

    requests = _Requests(ClientOperations(options, "aiohttp_client.AioHttpClientInstrumentor"))
    config = TraceConfig()
    config.on_request_start.append(requests.start)
    config.on_request_redirect.append(requests.redirect)
    config.on_request_end.append(requests.end)
    config.on_request_exception.append(requests.fail)
    config._vitalspan = True  # type: ignore[attr-defined]  # noqa: SLF001
    return config


class _Requests:
    """The requests of sessions, each recorded as a call.

    Args:
        operations: the operations of the library.
    """

    def __init__(self, operations: ClientOperations) -> None:
        self._operations = operations

    async def start(self, _: Any, context: Any, params: Any) -> None:
        """Begin the call of a request."""
        context.vitalspan = call = self._operations.begin(params.method, _url(params.url))
        if call is not None:
            params.headers.update(call.headers)

    async def redirect(self, _: Any, context: Any, params: Any) -> None:
        """End the call of a request that is redirected, and begin the next one."""
        status = params.response.status
        self._finish(context, status)
        headers = params.response.headers
        location = headers.get("Location") or headers.get("URI")
        if location is None:
            return
        method = params.method
        if (status == _SEE_OTHER and method != "HEAD") or (status in _MOVED and method == "POST"):
            method = "GET"
        try:
            target = params.url.join(type(params.url)(location))
        except ValueError:
            # The session will report what is wrong with the URL.
            return
        await self.start(_, context, params=_Redirected(method, target, params.headers))

    async def end(self, _: Any, context: Any, params: Any) -> None:
        """End the call of a request whose response has begun."""
        self._finish(context, params.response.status)

    async def fail(self, _: Any, context: Any, params: Any) -> None:
        """End the call of a request that has failed."""
        self._finish(context, None, params.exception)

    def _finish(self, context: Any, status: int | None, error: BaseException | None = None) -> None:
        call = context.vitalspan
        if call is not None:
            call.status = status
            call.finish(error)


class _Redirected(NamedTuple):
    """The request that follows a redirect."""

    method: str
    url: URL
    headers: Any


def _url(url: URL) -> Url:
    return Url(url.scheme, url.host or "", url.port, url.path)
