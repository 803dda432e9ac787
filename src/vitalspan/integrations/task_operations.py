"""The operations of a task queue: the common part of all integrations with task queues."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from contextlib import suppress
from contextvars import Token
from typing import TYPE_CHECKING, Any, Final, Literal, TypedDict, Unpack

from opentelemetry import propagate

from vitalspan.default import get_monitor
from vitalspan.errors import ConfigurationError
from vitalspan.integrations.task_metrics import task_metrics
from vitalspan.labels import value_text
from vitalspan.metrics import QUEUE, TASK
from vitalspan.recording import spans
from vitalspan.recording.call_record import CANCELLED, details_of
from vitalspan.recording.current_call import current_request

if TYPE_CHECKING:
    from vitalspan.monitor import Monitor
    from vitalspan.recording.call import Call

COMPONENT: Final = "tasks"

PUBLISHED: Final = "vitalspan_published"
"""The message header with the time at which the message was sent, in Unix seconds."""

Outcome = Literal["succeeded", "failed", "retried", "rejected", "revoked", "expired", "timed_out"]

_PAUSE: Final = 9.0
"""Publishing takes at most a tenth of the time: it pauses this many times as long as it took."""

_NO_ERRORS: Final = frozenset({"retried", "rejected"})
_CANCELLED: Final = frozenset({"revoked", "expired"})


class TaskOptions(TypedDict, total=False):
    """The options of all integrations with task queues.

    Attributes:
        monitor: the monitor that records the tasks; by default the default monitor.
        component: the component of the operations, `tasks` by default.
        exclude: the names of tasks that are not recorded.
    """

    monitor: Monitor | None
    component: str
    exclude: Sequence[str]


class TaskOperations:
    """The operations of one application. Its methods never raise into a worker.

    Args:
        options: see `TaskOptions`.

    Raises:
        ConfigurationError: for an invalid option.
        TypeError: for an unknown option.

    Attributes:
        monitor: the monitor that records the tasks.
    """

    def __init__(self, **options: Unpack[TaskOptions]) -> None:
        unknown = options.keys() - TaskOptions.__annotations__.keys()
        if unknown:
            raise TypeError(
                f"there is no option {min(unknown)!r}: "
                f"use one of {', '.join(TaskOptions.__annotations__)}"
            )
        self.monitor = options.get("monitor") or get_monitor()
        self._component = options.get("component", COMPONENT)
        excluded = options.get("exclude", ())
        if isinstance(excluded, str):
            raise ConfigurationError(
                f"exclude={excluded!r:.80}: use a sequence of names of tasks, such as "
                f"[{excluded!r:.80}]"
            )
        self._excluded = frozenset(excluded)
        self._metrics = task_metrics(self.monitor)
        self._now = self.monitor.clock.now
        self._publish_after = 0.0

    def publish(self, headers: MutableMapping[str, Any]) -> None:
        """Add the time and the current trace context to the headers of a message."""
        try:
            headers[PUBLISHED] = repr(self.monitor.clock.wall())
            propagate.inject(headers)
        except Exception:  # noqa: BLE001 - the message has to be sent
            self._note("begin", "the trace context could not be added to a message")

    def begin(
        self,
        task: str,
        queue: str,
        headers: Mapping[str, Any] | None = None,
        *,
        published: float | None = None,
        not_before: float | None = None,
    ) -> TaskCall | None:
        """Begin the call of a task.

        Args:
            task: the name of the task.
            queue: the queue that it came from.
            headers: the headers of its message.
            published: when it was enqueued, in Unix seconds; None looks for it in the headers.
            not_before: the earliest time to start it, in Unix seconds.

        Returns:
            The call; None if it is not recorded.
        """
        if task in self._excluded or not self.monitor.enabled:
            return None
        try:
            task, queue = self._metrics.bounded(value_text(task), value_text(queue))
            self._count_waiting(task, queue, headers or {}, published, not_before)
            return TaskCall(self, task, queue, headers or {})
        except Exception:  # noqa: BLE001 - the task has to run
            self._note("begin", "a task could not be recorded")
            return None

    def count(self, task: str, queue: str, outcome: Outcome) -> None:
        """Count a task without a call here: it never ran, or its process was killed."""
        if task in self._excluded or not self.monitor.enabled:
            return
        try:
            task, queue = self._metrics.bounded(value_text(task), value_text(queue))
            self._metrics.ended(task, queue, outcome)
        except Exception:  # noqa: BLE001 - the worker has to go on
            self._note("end", "the outcome of a task could not be counted")
        now = self._now()
        if now >= self._publish_after:
            # The main process of a worker has no publishing thread, so that it can fork safely.
            self.publish_counts()
            self._publish_after = self._now() + _PAUSE * (self._now() - now)

    def publish_counts(self) -> None:
        """Publish the counts of this process, if several processes share their counts.

        A process that ends with `os._exit` has to call this first.
        """
        workers = self.monitor._workers  # noqa: SLF001 - the monitor's own integration
        if workers is not None:
            with suppress(Exception):
                workers.publisher.publish()

    def _operation(self, task: str, queue: str) -> Any:
        return self.monitor.operation(
            task, component=self._component, labels={TASK: task, QUEUE: queue}, kind="consumer"
        )

    def _count_waiting(
        self,
        task: str,
        queue: str,
        headers: Mapping[str, Any],
        published: float | None,
        not_before: float | None,
    ) -> None:
        if published is None:
            sent = headers.get(PUBLISHED)
            if sent is None:
                return
            try:
                published = float(sent)
            except (TypeError, ValueError):
                # Any program may have sent the message.
                return
        wanted = max(published, not_before or 0.0)
        waited = max(0.0, self.monitor.clock.wall() - wanted)
        self._metrics.waited(task, queue, waited)

    def _note(self, where: str, problem: str) -> None:
        self.monitor._recorder.internal_errors.note(where, problem)  # noqa: SLF001 - see above


class TaskCall:
    """A task in progress.

    Args:
        operations: the operations of the application.
        task: the name of the task.
        queue: the queue that it came from.
        headers: the headers of its message, with the trace context.

    Attributes:
        call: the call as the task sees it, with `add`, `set_attribute` and so on.
        error: the exception of the task, if the library has reported it.
    """

    def __init__(
        self, operations: TaskOperations, task: str, queue: str, headers: Mapping[str, Any]
    ) -> None:
        self.task = task
        self.queue = queue
        self.error: BaseException | None = None
        self._operations = operations
        self._operation = operations._operation(task, queue)  # noqa: SLF001 - a part of it
        self._context = spans.attach(propagate.extract(headers, spans.current()))
        self.call: Call = self._operation.__enter__()
        self._outer: Token[Call | None] = current_request.set(self.call)
        self._ended = False

    def end(
        self, outcome: Outcome, error: BaseException | None = None, *, counted: bool = True
    ) -> None:
        """End the task. A second call does nothing.

        Args:
            outcome: how it ended.
            error: the exception that it raised.
            counted: whether the outcome is counted; False if another process counts it.
        """
        if self._ended:
            return
        self._ended = True
        operations = self._operations
        try:
            self._mark(outcome, error)
            failed = error is not None and outcome in ("failed", "timed_out")
            self._operation.__exit__(
                type(error) if failed else None, error if failed else None, None
            )
            if counted:
                operations._metrics.ended(self.task, self.queue, outcome)  # noqa: SLF001 - see above
        except Exception:  # noqa: BLE001 - the worker has to go on
            operations._note("end", "a task could not be recorded completely")  # noqa: SLF001
        finally:
            # The library may end a task in another context than it began in.
            with suppress(ValueError):
                current_request.reset(self._outer)
            spans.detach(self._context)

    def _mark(self, outcome: Outcome, error: BaseException | None) -> None:
        if outcome in _NO_ERRORS:
            self.call.ok()
        elif outcome in _CANCELLED:
            details = details_of(self.call._record)  # noqa: SLF001 - the call's own integration
            details.marked = details.counted = True
            details.outcome = CANCELLED
        elif outcome != "succeeded" and error is None:
            self.call.fail(outcome, error_type=outcome)
