"""A thread pool that keeps the context of the code that submits work."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

from vitalspan.default import get_monitor
from vitalspan.integrations.live_gauges import LiveGauges
from vitalspan.labels import value_text
from vitalspan.metrics import EXECUTOR_QUEUE_LENGTH, EXECUTOR_THREADS
from vitalspan.monitor_metrics import OnePerMonitor

if TYPE_CHECKING:
    from vitalspan.monitor import Monitor

P = ParamSpec("P")
T = TypeVar("T")

__all__ = ["Executor", "with_context"]


class Executor(ThreadPoolExecutor):
    """A `ThreadPoolExecutor` that runs work in the context of the code that submits it.

    So spans in the pool have the right parents, and `vitalspan.current_call()` finds the request.
    The queue and the threads are shown as `executor_queue_length` and `executor_threads`.

    Args:
        max_workers: the maximum number of threads, as in `ThreadPoolExecutor`.
        name: the label `executor` of its metrics, and the prefix of its threads' names.
        monitor: the monitor that shows the metrics; None is the default monitor.
        **options: further options of `ThreadPoolExecutor`.

    Raises:
        ConfigurationError: if the registry already has metrics with these names.
    """

    def __init__(
        self,
        max_workers: int | None = None,
        *,
        name: str = "executor",
        monitor: Monitor | None = None,
        **options: Any,
    ) -> None:
        options.setdefault("thread_name_prefix", name)
        super().__init__(max_workers, **options)
        _gauges(monitor or get_monitor()).add(value_text(name), self)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run a function in a thread, in a copy of the current context."""
        return super().submit(with_context(fn), *args, **kwargs)

    def queue_length(self) -> int:
        """Return the number of work items that wait for a thread."""
        # A pool that is shut down has one more item, which ends its threads.
        return max(0, self._work_queue.qsize() - self._shutdown)

    def thread_count(self) -> int:
        """Return the number of threads."""
        return len(self._threads)


_gauges: Final = OnePerMonitor(
    lambda monitor: LiveGauges(
        monitor,
        "executor",
        {
            EXECUTOR_QUEUE_LENGTH: Executor.queue_length,
            EXECUTOR_THREADS: Executor.thread_count,
        },
    )
)


def with_context(func: Callable[P, T]) -> Callable[P, T]:
    """Return a function that runs in a copy of the current context, wherever it is called.

    This is for other executors: `pool.submit(with_context(work), order)`.
    """
    context = copy_context()

    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        return context.copy().run(func, *args, **kwargs)

    return run
