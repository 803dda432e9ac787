"""Requests, websockets and background tasks of Starlette as operations, by one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from vitalspan.integrations.background_tasks import MiddlewareWithTasks, record_tasks
from vitalspan.integrations.http_operations import HttpOptions

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
    middleware = MiddlewareWithTasks(app, **options)

    def build_recorded() -> MiddlewareWithTasks:
        middleware.app = build()
        return middleware

    build_recorded._vitalspan = True  # type: ignore[attr-defined]  # noqa: SLF001
    app.build_middleware_stack = build_recorded  # type: ignore[method-assign]
    if app.middleware_stack is not None:
        # It has answered a request or a lifespan event already.
        middleware.app = app.middleware_stack
        app.middleware_stack = middleware
    record_tasks(BackgroundTask, "func")
