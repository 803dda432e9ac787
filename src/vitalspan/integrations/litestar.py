"""Records requests, WebSockets and background tasks of Litestar as operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from vitalspan.integrations.asgi import ERROR_KEY
from vitalspan.integrations.background_tasks import MiddlewareWithTasks, record_tasks
from vitalspan.integrations.http_operations import HttpOptions

if TYPE_CHECKING:
    from litestar import Litestar

__all__ = ["instrument"]


def instrument(app: Litestar, **options: Unpack[HttpOptions]) -> None:
    """Record all requests of an application.

    Calling it again changes nothing.

    Args:
        app: a Litestar application.
        **options: see `vitalspan.integrations.http_operations.HttpOptions`.

    Raises:
        ConfigurationError: for an invalid option.
        TypeError: for any other object.
    """
    # Imported here, because the framework is an optional dependency.
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
    """Store the exception of a handler, because Litestar turns it into a response and continues."""
    scope[ERROR_KEY] = error
