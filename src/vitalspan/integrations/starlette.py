"""Requests, websockets and background tasks of Starlette as operations, by one line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import copy
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Unpack

from vitalspan.integrations.asgi import Receive, Scope, Send, path_of
from vitalspan.integrations.background_tasks import MiddlewareWithTasks, record_tasks
from vitalspan.integrations.http_operations import HttpOptions
from vitalspan.serve.asgi import MetricsApp

if TYPE_CHECKING:
    from starlette.applications import Starlette

__all__ = ["instrument"]


def instrument(app: Starlette, **options: Unpack[HttpOptions]) -> None:
    """Record every request of an application, in whatever order its middlewares are added.

    A second time changes nothing.

    Args:
        app: a Starlette or FastAPI application.
        **options: as `vitalspan.integrations.http_operations.HttpOptions` lists them.

    Raises:
        ConfigurationError: for an option that cannot be used.
        TypeError: for something that is no such application.
    """
    # The framework is there where an application of it is.
    from starlette.applications import Starlette as Application  # noqa: PLC0415
    from starlette.background import BackgroundTask  # noqa: PLC0415

    if not isinstance(app, Application):
        raise TypeError(
            f"instrument() takes a Starlette or FastAPI application, and not {type(app).__name__}: "
            "use vitalspan.integrations.asgi.Middleware for any other ASGI application"
        )
    build = app.build_middleware_stack
    if hasattr(build, "_vitalspan"):
        return
    middleware = _StarletteMiddleware(app, **options)

    def build_recorded() -> Any:
        middleware.slashes = _metrics_routes(app.routes)
        return _recorded_stack(middleware, build())

    build_recorded._vitalspan = True  # type: ignore[attr-defined]  # noqa: SLF001
    app.build_middleware_stack = build_recorded  # type: ignore[method-assign]
    if app.middleware_stack is not None:
        # It has answered a request or a lifespan event already.
        middleware.slashes = _metrics_routes(app.routes)
        app.middleware_stack = _recorded_stack(middleware, app.middleware_stack)
    record_tasks(BackgroundTask, "func")


class _StarletteMiddleware(MiddlewareWithTasks):
    """The middleware around all others of an application.

    Attributes:
        slashes: paths that the router would redirect, and to which: those of metrics and probes
            that lack the slash at their end, or have one too many.
    """

    slashes: Mapping[str, str] = MappingProxyType({})

    def around(self, app: Any) -> _StarletteMiddleware:
        """Return the same middleware around something else."""
        middleware = copy(self)
        middleware.app = app
        return middleware

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what the server asks, metrics and probes with and without a slash at the end."""
        if self.slashes and scope["type"] == "http":
            path = path_of(scope)
            if path in self.slashes:
                # The router would redirect it, which not every scraper follows.
                before = scope["path"].removesuffix(path)
                scope = {**scope, "path": before + self.slashes[path]}
        await super().__call__(scope, receive, send)


def _recorded_stack(middleware: _StarletteMiddleware, stack: Any) -> Any:
    """Return the middlewares of an application with ours around them.

    OpenTelemetry's instrumentation of FastAPI takes them apart: it wants an error middleware, and
    puts another one around what is in it. So what is in this one is recorded as well.
    """
    from starlette.middleware.errors import ServerErrorMiddleware  # noqa: PLC0415

    if not isinstance(stack, ServerErrorMiddleware):
        return middleware.around(stack)
    recorded = middleware.around(stack)

    class RecordedStack(ServerErrorMiddleware):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await recorded(scope, receive, send)

    within: Any = middleware.around(stack.app)
    return RecordedStack(within, stack.handler, stack.debug)


def _metrics_routes(routes: Iterable[Any]) -> dict[str, str]:
    """Return the paths that lead to metrics but for the slash at their end, and those that do.

    The links of the page lead on from a slash at the end, so its mount is to be redirected.
    """
    shown = (
        (route.path, hasattr(route, "routes"))
        for route in routes
        if isinstance(app := getattr(route, "app", None), MetricsApp) and not app.page
    )
    # A mount matches what is below it, and a route the path alone.
    return {
        path if is_mount else f"{path}/": f"{path}/" if is_mount else path
        for path, is_mount in shown
    }
