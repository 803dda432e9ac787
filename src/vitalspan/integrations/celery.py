"""Celery: every task as an operation, by its signals."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, Unpack

from celery import Celery, signals  # type: ignore[import-untyped]
from celery.exceptions import (  # type: ignore[import-untyped]
    Reject,
    SoftTimeLimitExceeded,
    TimeLimitExceeded,
)

from vitalspan.integrations.queue_poller import QueuePoller
from vitalspan.integrations.task_operations import Outcome, TaskCall, TaskOperations, TaskOptions
from vitalspan.metrics import OTHER

if TYPE_CHECKING:
    from vitalspan.monitor import Monitor

__all__ = ["instrument", "poll_queues"]

_OUTCOMES: Final[Mapping[str, Outcome]] = {
    "SUCCESS": "succeeded",
    "FAILURE": "failed",
    "RETRY": "retried",
    "REJECTED": "rejected",
    "IGNORED": "succeeded",
}

_CALL: Final = "_vitalspan_call"
"""The attribute of a task's request that holds its call."""

_main_process: Final[list[int | None]] = [None]
"""The process id of the worker that forks its pool from this one."""

_operations: weakref.WeakKeyDictionary[Celery, TaskOperations] = weakref.WeakKeyDictionary()


def instrument(app: Celery, **options: Unpack[TaskOptions]) -> None:
    """Record the tasks that an application sends and runs. A second time changes nothing.

    Args:
        app: the application.
        **options: `monitor`, `component`, `exclude`; see docs/tasks.md.

    Raises:
        ConfigurationError: for an option that cannot be used.
        TypeError: for an option that there is not.
    """
    if app in _operations:
        return
    _operations[app] = TaskOperations(**options)
    for signal, handler in (
        (signals.before_task_publish, _before_publish),
        (signals.task_prerun, _prerun),
        (signals.task_failure, _failure),
        (signals.task_postrun, _postrun),
        (signals.task_revoked, _revoked),
        (signals.task_rejected, _rejected),
        (signals.task_unknown, _unknown),
        (signals.worker_init, _watch_time_limits),
    ):
        # The same handler is connected once, however many applications there are.
        signal.connect(handler, weak=False, dispatch_uid=f"vitalspan{handler.__name__}")


def poll_queues(
    app: Celery,
    queues: Sequence[str] = ("celery",),
    *,
    interval: float = 15.0,
    monitor: Monitor | None = None,
) -> QueuePoller:
    """Show how many tasks wait in queues, as `task_queue_length`.

    One process of a service is enough, since all of them see the same queues.

    Args:
        app: the application, whose broker is asked.
        queues: names of queues.
        interval: seconds between two readings.
        monitor: shows the lengths; by default the default monitor does.

    Returns:
        What reads them, which `stop()` ends.

    Raises:
        ConfigurationError: for names or an interval that cannot be.
    """

    def length(queue: str) -> int:
        with app.connection_for_read() as connection:
            declared = connection.default_channel.queue_declare(queue, passive=True)
            return int(declared.message_count)

    poller = QueuePoller(length, queues, interval, monitor)
    poller.start()
    return poller


def _before_publish(headers: dict[str, Any] | None = None, **_: Any) -> None:
    # The signal does not say whose task it is.
    operations = next(iter(_operations.values()), None)
    if operations is not None and headers is not None:
        operations.publish(headers)


def _prerun(task: Any, **_: Any) -> None:
    operations = _operations.get(task.app)
    if operations is None:
        return
    request = task.request
    call = operations.begin(
        task.name, _queue(request), vars(request), not_before=_eta(getattr(request, "eta", None))
    )
    setattr(request, _CALL, call)


def _failure(sender: Any, exception: BaseException, **_: Any) -> None:
    operations = _operations.get(sender.app)
    if operations is None:
        return
    call: TaskCall | None = getattr(sender.request, _CALL, None)
    if call is not None:
        call.error = exception
    elif not isinstance(exception, (Reject, TimeLimitExceeded)):
        # The process that ran it was killed, and the main process says so.
        operations.count(sender.name, _queue(sender.request), "failed")


def _postrun(task: Any, state: str | None, **_: Any) -> None:
    call: TaskCall | None = getattr(task.request, _CALL, None)
    if call is None:
        return
    if not state:
        # Something came through that Celery does not catch, such as SystemExit. The main process of
        # a pool learns of it, and counts how the task has ended.
        is_child = _main_process[0] not in (None, os.getpid())
        call.end("revoked" if _is_terminated() else "failed", counted=not is_child)
        return
    outcome = _OUTCOMES.get(state, "failed")
    if outcome == "failed" and isinstance(call.error, SoftTimeLimitExceeded):
        outcome = "timed_out"
    call.end(outcome, call.error)


def _is_terminated() -> bool:
    """Return whether this process of a pool was told to end, as for a task that is revoked."""
    from billiard import common  # type: ignore[import-untyped]  # noqa: PLC0415 - of Celery's pools

    fired = getattr(common, "_should_have_exited", [False])
    return bool(fired[0])


def _revoked(sender: Any, request: Any, expired: bool, **_: Any) -> None:  # noqa: FBT001 - a signal's
    operations = _operations.get(sender.app)
    if operations is not None:
        operations.count(sender.name, _queue(request), "expired" if expired else "revoked")


def _rejected(sender: Any, message: Any, **_: Any) -> None:
    _count_message(sender, message)


def _unknown(sender: Any, message: Any, **_: Any) -> None:
    _count_message(sender, message)


def _watch_time_limits(**_: Any) -> None:
    """Count tasks whose process is killed for their hard time limit: few versions say so."""
    _main_process[0] = os.getpid()
    # Only workers have use for this module.
    from celery.worker.request import (  # type: ignore[import-untyped] # noqa: PLC0415
        Request,
    )

    on_timeout: Callable[..., Any] = Request.on_timeout
    if hasattr(on_timeout, _CALL):
        return

    @wraps(on_timeout)
    def counted(request: Any, soft: bool, timeout: float) -> Any:  # noqa: FBT001 - Celery's
        operations = _operations.get(request.task.app)
        if operations is not None and not soft:
            operations.count(request.name, _queue(request), "timed_out")
        return on_timeout(request, soft, timeout)

    setattr(counted, _CALL, None)
    Request.on_timeout = counted


def _count_message(consumer: Any, message: Any) -> None:
    """Count a message of no task that is known; its name is whatever somebody has sent."""
    operations = _operations.get(getattr(consumer, "app", None))
    if operations is not None:
        operations.count(OTHER, _queue(message), "rejected")


def _queue(request: Any) -> str:
    delivery = getattr(request, "delivery_info", None)
    return str(delivery.get("routing_key") or "") if isinstance(delivery, Mapping) else ""


def _eta(text: object) -> float | None:
    """Return when a task is to be started, in Unix seconds."""
    with suppress(ValueError, OverflowError, OSError):
        if isinstance(text, datetime):
            return text.timestamp()
        if isinstance(text, str):
            return datetime.fromisoformat(text).timestamp()
    return None
