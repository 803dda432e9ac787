"""Records Taskiq tasks as operations, with a middleware of the broker."""

from __future__ import annotations

from typing import Any, Final, Unpack

from taskiq import AsyncBroker, TaskiqMessage, TaskiqMiddleware, TaskiqResult
from taskiq.exceptions import NoResultError

from vitalspan.integrations.task_operations import Outcome, TaskCall, TaskOperations, TaskOptions

__all__ = ["Middleware", "instrument"]

_DEFAULT_QUEUE: Final = "taskiq"


class Middleware(TaskiqMiddleware):
    """Records the tasks that a broker sends and its workers run.

    Args:
        **options: `monitor`, `component`, `exclude`; see docs/tasks.md.

    Raises:
        ConfigurationError: for an invalid option.
        TypeError: for an unknown option.
    """

    def __init__(self, **options: Unpack[TaskOptions]) -> None:
        super().__init__()
        self._operations = TaskOperations(**options)
        self._calls: dict[int, TaskCall] = {}

    def pre_send(self, message: TaskiqMessage) -> TaskiqMessage:
        """Add the current trace context to a message."""
        self._operations.publish(message.labels)
        return message

    def pre_execute(self, message: TaskiqMessage) -> TaskiqMessage:
        """Begin the call of a task."""
        call = self._operations.begin(message.task_name, self._queue(message), message.labels)
        if call is not None:
            # The same message may be here twice, if it is delivered again.
            self._calls[id(message)] = call
        return message

    def on_error(
        self, message: TaskiqMessage, result: TaskiqResult[Any], exception: BaseException
    ) -> None:
        """Store the exception of a task."""
        call = self._calls.get(id(message))
        if call is not None:
            call.error = exception

    def post_execute(self, message: TaskiqMessage, result: TaskiqResult[Any]) -> None:
        """End the call of a task."""
        call = self._calls.pop(id(message), None)
        if call is not None:
            call.end(_outcome(call.error, result), call.error)

    def _queue(self, message: TaskiqMessage) -> str:
        queue = message.labels.get("queue_name") or getattr(self.broker, "queue_name", None)
        return str(queue or _DEFAULT_QUEUE)


def instrument(broker: AsyncBroker, **options: Unpack[TaskOptions]) -> None:
    """Record the tasks that a broker sends and its workers run. Calling it again changes nothing.

    Args:
        broker: the broker.
        **options: `monitor`, `component`, `exclude`; see docs/tasks.md.

    Raises:
        ConfigurationError: for an invalid option.
        TypeError: for an unknown option.
    """
    if not any(isinstance(one, Middleware) for one in broker.middlewares):
        # The last middleware is the first to be told about errors, but the end of a task comes
        # after all of these calls.
        broker.add_middlewares(Middleware(**options))


def _outcome(error: BaseException | None, result: TaskiqResult[Any]) -> Outcome:
    if error is None:
        return "succeeded"
    if isinstance(error, NoResultError):
        return "rejected"
    if isinstance(result.error, NoResultError):
        # A middleware has sent the task again.
        return "retried"
    return "timed_out" if isinstance(error, TimeoutError) else "failed"
