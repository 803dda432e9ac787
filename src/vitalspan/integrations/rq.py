"""Records RQ jobs as operations, in whatever process a worker runs them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, Unpack

from redis import Redis
from rq import Queue, SimpleWorker, Worker
from rq.job import Job, Retry
from rq.timeouts import BaseTimeoutException

from vitalspan.integrations.queue_poller import QueuePoller
from vitalspan.integrations.task_operations import Outcome, TaskOperations, TaskOptions

if TYPE_CHECKING:
    from vitalspan.monitor import Monitor

__all__ = ["instrument", "poll_queues"]

_OPERATIONS: Final = "_vitalspan_operations"
_RECORDED: Final = "_vitalspan_recorded"


def instrument(worker_class: type[Any] | None = None, **options: Unpack[TaskOptions]) -> None:
    """Record the jobs that this process enqueues, and those that its workers run.

    Calling it again changes nothing.

    Args:
        worker_class: your own worker class, if it does not inherit from `rq.Worker` or
            `rq.SimpleWorker`.
        **options: `monitor`, `component`, `exclude`; see docs/tasks.md.

    Raises:
        ConfigurationError: for an invalid option.
        TypeError: for an unknown option.
    """
    operations = TaskOperations(**options)
    _record_enqueued(operations)
    for one in (Worker, SimpleWorker) if worker_class is None else (worker_class,):
        _record_performed(one, operations)


def poll_queues(
    connection: Redis,
    queues: Sequence[str] = ("default",),
    *,
    interval: float = 15.0,
    monitor: Monitor | None = None,
) -> QueuePoller:
    """Show how many jobs wait in queues, as `task_queue_length`.

    Args:
        connection: the connection to Redis.
        queues: names of queues.
        interval: seconds between two readings.
        monitor: the monitor that shows the lengths; None is the default monitor.

    Returns:
        The poller; `stop()` ends it.

    Raises:
        ConfigurationError: for invalid names or an invalid interval.
    """

    def length(queue: str) -> int:
        return int(Queue(queue, connection=connection).count)

    return QueuePoller(length, queues, interval, monitor).start()


def _record_enqueued(operations: TaskOperations) -> None:
    """Add the current trace context to jobs that are enqueued."""
    create = Job.__dict__["create"].__func__
    if hasattr(create, _OPERATIONS):
        return

    @wraps(create)
    def created(job_class: type[Job], *args: Any, **kwargs: Any) -> Job:
        job: Job = create(job_class, *args, **kwargs)
        operations.publish(job.meta)
        return job

    setattr(created, _OPERATIONS, operations)
    Job.create = classmethod(created)  # type: ignore[method-assign, assignment]


def _record_performed(worker_class: type[Any], operations: TaskOperations) -> None:
    perform: Callable[..., Any] = worker_class.perform_job
    if hasattr(perform, _OPERATIONS):
        return
    fail: Callable[..., Any] = worker_class.handle_job_failure

    @wraps(perform)
    def perform_job(worker: Any, job: Job, queue: Queue, *args: Any, **kwargs: Any) -> Any:
        _record(job, queue, operations)
        try:
            return perform(worker, job, queue, *args, **kwargs)
        finally:
            if getattr(worker, "_is_horse", False):
                operations.publish_counts()

    @wraps(fail)
    def handle_job_failure(worker: Any, job: Job, *args: Any, **kwargs: Any) -> Any:
        if not hasattr(job, _RECORDED):
            # The process that ran it was killed, which its parent reports.
            stopped = getattr(worker, "_stopped_job_id", None) == job.id
            outcome: Outcome = "revoked" if stopped else "retried" if _retries(job) else "failed"
            operations.count(_name(job), job.origin, outcome)
        return fail(worker, job, *args, **kwargs)

    setattr(perform_job, _OPERATIONS, operations)
    worker_class.perform_job = perform_job
    worker_class.handle_job_failure = handle_job_failure


def _record(job: Any, queue: Queue, operations: TaskOperations) -> None:
    """Make a job record itself when it is performed."""
    perform: Callable[[], Any] = job.perform

    def performed() -> Any:
        call = operations.begin(
            _name(job), queue.name, job.meta or {}, published=_timestamp(job.enqueued_at)
        )
        if call is None:
            return perform()
        try:
            result = perform()
        except BaseException as error:
            outcome: Outcome = "timed_out" if isinstance(error, BaseTimeoutException) else "failed"
            call.end("retried" if _retries(job) else outcome, error)
            raise
        call.end(_outcome_of_result(job, result))
        return result

    setattr(job, _RECORDED, True)
    job.perform = performed


def _outcome_of_result(job: Any, result: object) -> Outcome:
    """Return the outcome of a job; one that returns a `Retry` is run again, up to a limit."""
    if not isinstance(result, Retry):
        return "succeeded"
    return "failed" if (getattr(job, "number_of_retries", None) or 0) >= result.max else "retried"


def _name(job: Any) -> str:
    try:
        return str(job.func_name)
    except Exception:  # noqa: BLE001 - a job of another version of the program cannot be read
        return "_OTHER"


def _retries(job: Any) -> bool:
    should = getattr(job, "should_retry", None)
    return bool(should) if isinstance(should, bool) else bool(getattr(job, "retries_left", 0))


def _timestamp(time: datetime | None) -> float | None:
    if time is None:
        return None
    return (time if time.tzinfo is not None else time.replace(tzinfo=UTC)).timestamp()
