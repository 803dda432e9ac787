"""Requests, websockets and background tasks of Litestar as operations, by one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from vitalspan.integrations.asgi import ERROR_KEY
from vitalspan.integrations.background_tasks import MiddlewareWithTasks, record_tasks
from vitalspan.integrations.http_operations import HttpOptions

if TYPE_CHECKING:
    from litestar import Litestar

__all__ = ["instrument"]


def instrument(app: Litestar, **options: Unpack[HttpOptions]) -> None:
    """Record every request of an application.

    A second time changes nothing.

    Args:
        app: a Litestar application.
        **options: as `vitalspan.integrations.http_operations.HttpOptions` lists them.

    Raises:
        ConfigurationError: for an option that cannot be used.
        TypeError: for something that is no such application.
    """
    # The framework is there where an application of it is.
    from litestar import Litestar as Application  # noqa: PLC0415
    from litestar.background_tasks import BackgroundTask  # noqa: PLC0415

    if not isinstance(app, Application):
        raise TypeError(f"instrument() takes a Litestar application, and not {type(app).__name__}")
    handler: Any = app.asgi_handler
    if isinstance(handler, MiddlewareWithTasks):
        return
    middleware: Any = MiddlewareWithTasks(handler, **options)
    app.asgi_handler = middleware
    app.after_exception.append(_keep_error)
    record_tasks(BackgroundTask, "fn")


async def _keep_error(error: Exception, scope: Any) -> None:
    """Keep what a handler has raised: Litestar makes a response of it and goes on."""
    scope[ERROR_KEY] = error
