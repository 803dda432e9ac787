"""Requests of Flask as operations, by one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from vitalspan.integrations.http_operations import HttpOptions
from vitalspan.integrations.wsgi import ERROR_KEY, Middleware

if TYPE_CHECKING:
    from flask import Flask

__all__ = ["instrument"]

_EXTENSION = "vitalspan"


def instrument(app: Flask, **options: Unpack[HttpOptions]) -> None:
    """Record every request of an application.

    A second time changes nothing.

    Args:
        app: a Flask application.
        **options: as `vitalspan.integrations.http_operations.HttpOptions` lists them.

    Raises:
        ConfigurationError: for an option that cannot be used.
        TypeError: for something that is no such application.
    """
    # The framework is there where an application of it is.
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
        # Flask makes a response of it and goes on.
        request.environ[ERROR_KEY] = exception

    middleware.framework_app = app
    app.extensions[_EXTENSION] = middleware
    app.wsgi_app = middleware  # type: ignore[method-assign]
    got_request_exception.connect(keep_error, app, weak=False)
