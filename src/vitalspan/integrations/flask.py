"""Records requests of Flask as operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from vitalspan.integrations.http_operations import HttpOptions
from vitalspan.integrations.wsgi import ERROR_KEY, Middleware

if TYPE_CHECKING:
    from flask import Flask

__all__ = ["instrument"]

_EXTENSION = "vitalspan"


def instrument(app: Flask, **options: Unpack[HttpOptions]) -> None:
    """Record all requests of an application.

    Calling it again changes nothing.

    Args:
        app: a Flask application.
        **options: see `vitalspan.integrations.http_operations.HttpOptions`.

    Raises:
        ConfigurationError: for an invalid option.
        TypeError: for any other object.
    """
    # Imported here, because the framework is an optional dependency.
    from flask import Flask as Application  # noqa: PLC0415
    from flask import got_request_exception, request  # noqa: PLC0415

    if not isinstance(app, Application):
        raise TypeError(
            f"instrument() takes a Flask application, and not {type(app).__name__}: "
            "use vitalspan.integrations.wsgi.Middleware for any other WSGI application"
        )
    if _EXTENSION in app.extensions:
        return
    middleware = Middleware(app.wsgi_app, **options)

    def keep_error(_: Any, exception: BaseException, **__: Any) -> None:
        # Flask turns it into a response and continues.
        request.environ[ERROR_KEY] = exception

    middleware.framework_app = app
    app.extensions[_EXTENSION] = middleware
    app.wsgi_app = middleware  # type: ignore[method-assign]
    got_request_exception.connect(keep_error, app, weak=False)
