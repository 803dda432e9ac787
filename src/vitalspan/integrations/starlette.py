"""Records requests, WebSockets and background tasks of Starlette as operations."""

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
    """Record all requests of an application, whatever the order of its middlewares.

    Calling it again changes nothing.

    Args:
        app: a Starlette or FastAPI application.
        **options: see `vitalspan.integrations.http_operations.HttpOptions`.

    Raises:
        ConfigurationError: for an invalid option.
        TypeError: for any other object.
    """
    # Imported here, because the framework is an optional dependency.
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
        # It has handled a request or a lifespan event already.
        middleware.slashes = _metrics_routes(app.routes)
        app.middleware_stack = _recorded_stack(middleware, app.middleware_stack)
    record_tasks(BackgroundTask, "func")


class _StarletteMiddleware(MiddlewareWithTasks):
    """The outermost middleware of an application.

    Attributes:
        slashes: paths of metrics and probes that lack a trailing slash or have one too many, so
            that the router would redirect them, and the paths that they belong to.
    """

    slashes: Mapping[str, str] = MappingProxyType({})

    def around(self, app: Any) -> _StarletteMiddleware:
        """Return the same middleware around another application."""
        middleware = copy(self)
        middleware.app = app
        return middleware

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request; metrics and probes are served with and without a trailing slash."""
        if self.slashes and scope["type"] == "http":
            path = path_of(scope)
            if path in self.slashes:
                # The router would redirect it, and not every scraper follows redirects.
                before = scope["path"].removesuffix(path)
                scope = {**scope, "path": before + self.slashes[path]}
        await super().__call__(scope, receive, send)


def _recorded_stack(middleware: _StarletteMiddleware, stack: Any) -> Any:
    """Return the middlewares of an application with ours around them.

    OpenTelemetry's instrumentation of FastAPI rebuilds the stack: it looks for the error
    middleware, and puts another one around its content. So the content of this one is recorded as
    well.
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
    """Return the paths that only differ from those of metrics in a trailing slash, with the latter.

    The page's links need a trailing slash, so a request for its mount should be redirected.
    """
    shown = (
        (route.path, hasattr(route, "routes"))
        for route in routes
        if isinstance(app := getattr(route, "app", None), MetricsApp) and not app.page
    )
    # A mount matches everything below it, a route only its own path.
    return {
        path if is_mount else f"{path}/": f"{path}/" if is_mount else path
        for path, is_mount in shown
    }
