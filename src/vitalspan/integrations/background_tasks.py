"""Records background tasks of web frameworks, each as an operation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from vitalspan.integrations.asgi import ASGIApp, Middleware, Receive, Scope, Send

if TYPE_CHECKING:
    from vitalspan.monitor import Monitor

COMPONENT: Final = "background"

_MOST_WRAPPERS: Final = 8
"""The depth of nested partials and wrappers to search for a task's function."""

_recording: ContextVar[Monitor | None] = ContextVar("vitalspan_background", default=None)
"""The monitor of the application whose request is handled in this context."""

_running: ContextVar[object] = ContextVar("vitalspan_background_task", default=None)
"""The task that is recorded in this context. If another library wraps our wrapper, we cannot see
it, so a task may be wrapped twice."""


class MiddlewareWithTasks(Middleware):
    """The middleware for a framework that runs background tasks after a response.

    Args:
        app: the application.
        **options: see `vitalspan.integrations.http_operations.HttpOptions`.
    """

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request; its background tasks use the same monitor."""
        token = _recording.set(self._operations.monitor)
        try:
            await super().__call__(scope, receive, send)
        finally:
            _recording.reset(token)


def record_tasks(task_class: Any, function: str) -> None:
    """Record the tasks of a class; tasks of applications without the integration run as before.

    Args:
        task_class: the class; its instances are awaited by calling them.
        function: the name of the attribute that holds the function to run.
    """
    run: Callable[..., Awaitable[None]] = task_class.__call__
    if hasattr(run, "_vitalspan"):
        return

    @wraps(run)
    async def recorded(task: Any, *args: Any, **kwargs: Any) -> None:
        monitor = _recording.get()
        if monitor is None or _running.get() is task:
            await run(task, *args, **kwargs)
            return
        token = _running.set(task)
        try:
            name = _name(getattr(task, function, None))
            async with monitor.operation(name, component=COMPONENT):
                await run(task, *args, **kwargs)
        finally:
            _running.reset(token)

    recorded._vitalspan = True  # type: ignore[attr-defined]  # noqa: SLF001
    task_class.__call__ = recorded


def _name(func: Any) -> str:
    # The wrapped function has the name. A mock consists of endless mocks, so the depth is limited.
    for _ in range(_MOST_WRAPPERS):
        if not hasattr(func, "func"):
            break
        func = func.func
    name = getattr(func, "__qualname__", None)
    return name if isinstance(name, str) else type(func).__qualname__
