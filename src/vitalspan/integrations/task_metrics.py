"""The metrics of tasks that are not those of operations: how long they wait, and how they end."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Final

from prometheus_client import Counter, Gauge, Histogram

from vitalspan import metrics as names
from vitalspan.errors import ConfigurationError

if TYPE_CHECKING:
    from vitalspan.monitor import Monitor

_MOST_TASKS: Final = 1000
"""Pairs of a task and a queue that have series of their own."""


class TaskMetrics:
    """The metrics of all tasks of one monitor. They are made when the first integration is.

    Args:
        monitor: in whose registry they are.

    Raises:
        ConfigurationError: if the registry has metrics of these names already.
    """

    def __init__(self, monitor: Monitor) -> None:
        self._tasks: set[tuple[str, str]] = set()
        prefix = monitor._settings.metric_prefix  # noqa: SLF001 - the monitor's own integration
        labels = [names.TASK, names.QUEUE]
        registry = monitor.registry
        try:
            self._waiting = Histogram(
                prefix + names.TASK_WAITING.name,
                names.TASK_WAITING.help,
                labels,
                buckets=names.DURATION_BOUNDARIES,
                registry=registry,
            )
            self._outcomes = Counter(
                prefix + names.TASK_OUTCOMES.name,
                names.TASK_OUTCOMES.help,
                [*labels, "outcome"],
                registry=registry,
            )
            self._lengths = Gauge(
                prefix + names.TASK_QUEUE_LENGTH.name,
                names.TASK_QUEUE_LENGTH.help,
                [names.QUEUE],
                registry=registry,
                multiprocess_mode="mostrecent",
            )
        except ValueError as taken:
            raise ConfigurationError(
                f"the metrics of tasks cannot be registered: {taken}: rename yours, or set "
                "metric_prefix"
            ) from None

    def bounded(self, task: str, queue: str) -> tuple[str, str]:
        """Return the labels of a task, which are `_overflow` where there are too many."""
        pair = (task, queue)
        if pair not in self._tasks:
            if len(self._tasks) >= _MOST_TASKS:
                return names.OVERFLOW, names.OVERFLOW
            self._tasks.add(pair)
        return pair

    def waited(self, task: str, queue: str, seconds: float) -> None:
        """Count how long a task has waited until it was started."""
        self._waiting.labels(task, queue).observe(seconds)

    def ended(self, task: str, queue: str, outcome: str) -> None:
        """Count how a task has ended."""
        self._outcomes.labels(task, queue, outcome).inc()

    def set_length(self, queue: str, length: int | None) -> None:
        """Show how many tasks wait in a queue; None shows nothing."""
        if length is not None:
            self._lengths.labels(queue).set(length)
            return
        try:
            self._lengths.remove(queue)
        except KeyError:
            return


_of_monitors: weakref.WeakKeyDictionary[Monitor, TaskMetrics] = weakref.WeakKeyDictionary()
_making = threading.Lock()


def task_metrics(monitor: Monitor) -> TaskMetrics:
    """Return the metrics of a monitor's tasks."""
    with _making:
        found = _of_monitors.get(monitor)
        if found is None:
            found = _of_monitors[monitor] = TaskMetrics(monitor)
        return found
