"""Records Celery tasks as operations, with Celery's signals."""

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
"""The attribute of a task's request that stores its call."""

_main_process: Final[list[int | None]] = [None]
"""The process id of the worker whose pool processes are forked from this one."""

_operations: weakref.WeakKeyDictionary[Celery, TaskOperations] = weakref.WeakKeyDictionary()


def instrument(app: Celery, **options: Unpack[TaskOptions]) -> None:
    """Record the tasks that an application sends and runs. Calling it again changes nothing.

    Args:
        app: the application.
        **options: `monitor`, `component`, `exclude`; see docs/tasks.md.

    Raises:
        ConfigurationError: for an invalid option.
        TypeError: for an unknown option.
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
        (signals.task_rejected, _count_message),
        (signals.task_unknown, _count_message),
        (signals.worker_init, _watch_time_limits),
    ):
        # A handler is connected only once, however many applications there are.
        signal.connect(handler, weak=False, dispatch_uid=f"vitalspan{handler.__name__}")


def poll_queues(
    app: Celery,
    queues: Sequence[str] = ("celery",),
    *,
    interval: float = 15.0,
    monitor: Monitor | None = None,
) -> QueuePoller:
    """Show how many tasks wait in queues, as `task_queue_length`.

    One process of a service is enough, because all of them see the same queues.

    Args:
        app: the application, whose broker is asked.
        queues: names of queues.
        interval: seconds between two readings.
        monitor: the monitor that shows the lengths; None is the default monitor.

    Returns:
        The poller; `stop()` ends it.

    Raises:
        ConfigurationError: for invalid names or an invalid interval.
    """

    def length(queue: str) -> int:
        with app.connection_for_read() as connection:
            declared = connection.default_channel.queue_declare(queue, passive=True)
            return int(declared.message_count)

    return QueuePoller(length, queues, interval, monitor).start()


def _before_publish(headers: dict[str, Any] | None = None, **_: Any) -> None:
    # The signal does not tell which application the task belongs to.
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
        # The process that ran it was killed, which the main process reports.
        operations.count(sender.name, _queue(sender.request), "failed")


def _postrun(task: Any, state: str | None, **_: Any) -> None:
    call: TaskCall | None = getattr(task.request, _CALL, None)
    if call is None:
        return
    if not state:
        # Celery does not catch this exception, which is one like SystemExit. The main process of a
        # pool notices, and counts how the task ended.
        is_child = _main_process[0] not in (None, os.getpid())
        call.end("revoked" if _is_terminated() else "failed", counted=not is_child)
        return
    outcome = _OUTCOMES.get(state, "failed")
    if outcome == "failed" and isinstance(call.error, SoftTimeLimitExceeded):
        outcome = "timed_out"
    call.end(outcome, call.error)


def _is_terminated() -> bool:
    """Return whether this pool process was told to terminate, as when a task is revoked."""
    from billiard import common  # type: ignore[import-untyped]  # noqa: PLC0415 - of Celery's pools

    fired = getattr(common, "_should_have_exited", [False])
    return bool(fired[0])


def _revoked(sender: Any, request: Any, expired: bool, **_: Any) -> None:  # noqa: FBT001 - a signal's
    operations = _operations.get(sender.app)
    if operations is not None:
        operations.count(sender.name, _queue(request), "expired" if expired else "revoked")


def _watch_time_limits(**_: Any) -> None:
    """Count tasks that are killed at their hard time limit, which few versions report."""
    _main_process[0] = os.getpid()
    # Imported here, because only workers need this module.
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


def _count_message(sender: Any, message: Any, **_: Any) -> None:
    """Count a message without a known task; its name may be anything that a client sent."""
    operations = _operations.get(getattr(sender, "app", None))
    if operations is not None:
        operations.count(OTHER, _queue(message), "rejected")


def _queue(request: Any) -> str:
    delivery = getattr(request, "delivery_info", None)
    return str(delivery.get("routing_key") or "") if isinstance(delivery, Mapping) else ""


def _eta(text: object) -> float | None:
    """Return when a task should start, in Unix seconds."""
    with suppress(ValueError, OverflowError, OSError):
        if isinstance(text, datetime):
            return text.timestamp()
        if isinstance(text, str):
            return datetime.fromisoformat(text).timestamp()
    return None
