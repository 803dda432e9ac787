"""Records Dramatiq messages as operations, with a middleware of the broker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Unpack

import dramatiq
from dramatiq.middleware import Retries, TimeLimitExceeded
from opentelemetry.trace import get_current_span

from vitalspan.errors import ConfigurationError
from vitalspan.integrations.queue_poller import QueuePoller
from vitalspan.integrations.task_operations import Outcome, TaskCall, TaskOperations, TaskOptions

if TYPE_CHECKING:
    from vitalspan.monitor import Monitor

__all__ = ["Middleware", "instrument", "poll_queues"]

_HEADERS: Final = "vitalspan"
"""The message option that stores the trace context."""

_DELAYED: Final = ".DQ"
"""The suffix of queues with delayed messages."""


class Middleware(dramatiq.Middleware):
    """Records the messages that a broker sends and its workers process.

    Args:
        **options: `monitor`, `component`, `exclude`; see docs/tasks.md.

    Raises:
        ConfigurationError: for an invalid option.
        TypeError: for an unknown option.
    """

    def __init__(self, **options: Unpack[TaskOptions]) -> None:
        self._operations = TaskOperations(**options)
        self._calls: dict[str, tuple[TaskCall, int]] = {}

    def before_enqueue(self, broker: Any, message: Any, delay: int | None) -> None:
        """Add the current trace context to a message."""
        earlier = message.options.get(_HEADERS)
        headers: dict[str, Any] = {}
        if isinstance(earlier, dict) and not get_current_span().get_span_context().is_valid:
            # The delay is over, or a worker sends the message again.
            headers = earlier
        self._operations.publish(headers)
        message.options[_HEADERS] = headers

    def before_process_message(self, broker: Any, message: Any) -> None:
        """Begin the call of a message."""
        headers = message.options.get(_HEADERS)
        call = self._operations.begin(
            message.actor_name,
            message.queue_name.removesuffix(_DELAYED),
            headers if isinstance(headers, dict) else None,
        )
        if call is not None:
            self._calls[message.message_id] = (call, _retries(message))

    def after_process_message(
        self,
        broker: Any,
        message: Any,
        *,
        result: Any = None,
        exception: BaseException | None = None,
    ) -> None:
        """End the call of a message."""
        call, retries = self._calls.pop(message.message_id, (None, 0))
        if call is not None:
            call.end(_outcome(message, exception, retries), exception)

    def after_skip_message(self, broker: Any, message: Any) -> None:
        """End the call of a message that is not processed, if it has begun."""
        outcome: Outcome = "expired" if message.failed else "rejected"
        call, _ = self._calls.pop(message.message_id, (None, 0))
        if call is not None:
            call.end(outcome)
        else:
            queue = message.queue_name.removesuffix(_DELAYED)
            self._operations.count(message.actor_name, queue, outcome)


def instrument(broker: Any, **options: Unpack[TaskOptions]) -> None:
    """Record the messages that a broker sends and its workers process.

    Calling it again changes nothing.

    Args:
        broker: the broker.
        **options: `monitor`, `component`, `exclude`; see docs/tasks.md.

    Raises:
        ConfigurationError: for an invalid option.
        TypeError: for an unknown option.
    """
    kinds = [type(one) for one in broker.middleware]
    if Middleware in kinds:
        return
    # After a message, later middlewares are called first, and Retries decides whether it is
    # retried.
    before = Retries if Retries in kinds else None
    broker.add_middleware(Middleware(**options), before=before)


def poll_queues(
    broker: Any,
    queues: Sequence[str] = ("default",),
    *,
    interval: float = 15.0,
    monitor: Monitor | None = None,
) -> QueuePoller:
    """Show how many messages wait in queues, as `task_queue_length`.

    Args:
        broker: a broker that knows the lengths of its queues, such as those for Redis and RabbitMQ.
        queues: names of queues.
        interval: seconds between two readings.
        monitor: the monitor that shows the lengths; None is the default monitor.

    Returns:
        The poller; `stop()` ends it.

    Raises:
        ConfigurationError: for a broker that does not know them, and for invalid names or an
            invalid interval.
    """
    if hasattr(broker, "do_qsize"):
        length = broker.do_qsize
    elif hasattr(broker, "get_queue_message_counts"):

        def length(queue: str) -> int:
            return int(broker.get_queue_message_counts(queue)[0])

    else:
        raise ConfigurationError(
            f"{type(broker).__qualname__} cannot tell the length of its queues"
        )
    return QueuePoller(length, queues, interval, monitor).start()


def _outcome(message: Any, exception: BaseException | None, retries: int) -> Outcome:
    if exception is None:
        return "expired" if message.failed else "succeeded"
    if not message.failed and _retries(message) > retries:
        return "retried"
    return "timed_out" if isinstance(exception, TimeLimitExceeded) else "failed"


def _retries(message: Any) -> int:
    retries = message.options.get("retries", 0)
    return retries if isinstance(retries, int) else 0
