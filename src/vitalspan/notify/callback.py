"""Telling a function."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable

from vitalspan.errors import ConfigurationError
from vitalspan.notify.coroutines import Coroutines
from vitalspan.notify.grouping import GroupPlan, Notification
from vitalspan.notify.receiver import Outlet
from vitalspan.notify.target import seconds

CallbackFunction = Callable[[Notification], "Awaitable[object] | object"]


class Callback:
    """A function that is called with a `Notification` for each change of a group of alerts.

    It runs in a thread of its own, a coroutine function in an event loop of its own, the same for
    every call. One that raises is called again.

    Args:
        func: a function or a coroutine function of one argument.
        timeout: seconds after which a coroutine is cancelled. A function cannot be interrupted:
            one that takes twice as long is reported as an open circuit until it returns.
        reminder: seconds after which alerts that fire on are told again; None for never.
        send_resolved: whether the end of alerts is told.
        name: by which it is known in metrics and logs.

    Raises:
        ConfigurationError: for what cannot be.
    """

    def __init__(
        self,
        func: CallbackFunction,
        *,
        timeout: float = 30.0,
        reminder: float | None = None,
        send_resolved: bool = True,
        name: str = "callback",
    ) -> None:
        if not callable(func):
            raise ConfigurationError(f"Callback: {func!r:.80} cannot be called: give a function")
        if reminder is not None:
            reminder = seconds("Callback", "reminder", reminder)
        self.name = name
        self.func = func
        self.timeout = seconds("Callback", "timeout", timeout)
        self.reminder = reminder
        self.send_resolved = send_resolved

    def outlets(self) -> list[CallbackOutlet]:
        """Return an outlet."""
        return [CallbackOutlet(self)]

    def __repr__(self) -> str:
        return f"Callback({getattr(self.func, '__qualname__', self.func)!s})"


class CallbackOutlet(Outlet[Notification]):
    """A function that is called."""

    def __init__(self, callback: Callback) -> None:
        self.timeout = callback.timeout
        self._callback = callback
        self._coroutines = Coroutines()

    def plan(self) -> GroupPlan:
        """Return a new plan: nothing has been told."""
        return GroupPlan(self._callback.reminder, send_resolved=self._callback.send_resolved)

    def deliver(self, message: Notification, receiver: str) -> None:  # noqa: ARG002
        """Call the function, and wait for its end."""
        result = self._callback.func(message)
        if inspect.isawaitable(result):
            self._coroutines.run(result, self.timeout)

    def abort(self) -> None:
        """Cancel a coroutine that runs."""
        self._coroutines.cancel()

    def end(self) -> None:
        """Close the event loop."""
        self._coroutines.close()

    def disown(self) -> None:
        """Leave the parent's event loop alone."""
        self._coroutines.disown()
