"""Background tasks of web frameworks, each an operation of its own."""

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
"""Partials and wrappers, one in the other, that a task's function is looked for in."""

_recording: ContextVar[Monitor | None] = ContextVar("vitalspan_background", default=None)
"""The monitor of the application whose request is answered in this context."""

_running: ContextVar[object] = ContextVar("vitalspan_background_task", default=None)
"""The task that is recorded in this context. Another library that wraps what we have wrapped hides
that from us, so it may be wrapped twice."""


class MiddlewareWithTasks(Middleware):
    """The middleware of a framework that runs background tasks after a response.

    Args:
        app: the application.
        **options: as `vitalspan.integrations.http_operations.HttpOptions` lists them.
    """

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what the server asks; tasks that come of it belong to the same monitor."""
        token = _recording.set(self._operations.monitor)
        try:
            await super().__call__(scope, receive, send)
        finally:
            _recording.reset(token)


def record_tasks(task_class: Any, function: str) -> None:
    """Record the tasks of a class; those of applications that are not instrumented run as before.

    Args:
        task_class: whose instances are awaited by calling them.
        function: the name of their attribute that holds the function to run.
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
    # What a partial or a wrapper is made of has the name. A mock is made of mocks without end.
    for _ in range(_MOST_WRAPPERS):
        if not hasattr(func, "func"):
            break
        func = func.func
    name = getattr(func, "__qualname__", None)
    return name if isinstance(name, str) else type(func).__qualname__
