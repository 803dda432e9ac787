"""A receiver that calls a function with alerts."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable

from vitalspan.argument_checks import seconds_above_0
from vitalspan.errors import ConfigurationError
from vitalspan.notify.plans.grouped import GroupPlan, Notification, group_timing
from vitalspan.notify.receiver import Endpoint
from vitalspan.runtime.event_loop import CallbackLoop

CallbackFunction = Callable[[Notification], "Awaitable[object] | object"]


class Callback:
    """A receiver that calls a function with a `Notification` about a group of alerts.

    The function runs in a thread of its own, a coroutine function in an event loop of its own that
    is reused for every call. If it raises, it is called again.

    Args:
        func: a function or coroutine function that takes one argument.
        timeout: seconds after which a coroutine is cancelled. A function cannot be interrupted: one
            that takes twice as long is reported as an open circuit until it returns.
        group_wait: seconds from the first alert of a group to its first message.
        group_interval: the minimum number of seconds between two messages of a group.
        reminder: seconds after which alerts that are still firing are sent again; None for never.
        send_resolved: whether the end of alerts is sent.
        name: its name in metrics and logs.

    Raises:
        ConfigurationError: for an invalid argument.
    """

    def __init__(
        self,
        func: CallbackFunction,
        *,
        timeout: float = 30.0,
        group_wait: float = 30.0,
        group_interval: float = 300.0,
        reminder: float | None = None,
        send_resolved: bool = True,
        name: str = "callback",
    ) -> None:
        if not callable(func):
            raise ConfigurationError(f"Callback: {func!r:.80} cannot be called: give a function")
        self.name = name
        self.func = func
        self.timeout = seconds_above_0("Callback: timeout", timeout)
        self.timing = group_timing("Callback", group_wait, group_interval, reminder)
        self.send_resolved = send_resolved

    def endpoints(self) -> list[CallbackEndpoint]:
        """Return its endpoint."""
        return [CallbackEndpoint(self)]

    def __repr__(self) -> str:
        return f"Callback({getattr(self.func, '__qualname__', self.func)!s})"


class CallbackEndpoint(Endpoint[Notification]):
    """The function to call."""

    def __init__(self, callback: Callback) -> None:
        self.timeout = callback.timeout
        self._callback = callback
        self._callback_loop = CallbackLoop()

    def plan(self) -> GroupPlan:
        """Return a new plan, for a receiver that was sent nothing yet."""
        return GroupPlan(self._callback.timing, send_resolved=self._callback.send_resolved)

    def deliver(self, message: Notification, receiver: str) -> None:  # noqa: ARG002
        """Call the function, and wait for it to finish."""
        result = self._callback.func(message)
        if inspect.isawaitable(result):
            self._callback_loop.run(result, self.timeout)

    def abort(self) -> None:
        """Cancel a running coroutine."""
        self._callback_loop.cancel()

    def end(self) -> None:
        """Close the event loop."""
        self._callback_loop.close()

    def abandon_in_child(self) -> None:
        """Leave the event loop to the parent."""
        self._callback_loop.abandon_in_child()
