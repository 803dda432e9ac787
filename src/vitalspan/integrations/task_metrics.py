"""The metrics of tasks that operations do not have: how long they wait, and how they end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client import Counter, Gauge, Histogram

from vitalspan import metrics as names
from vitalspan.monitor_metrics import OnePerMonitor, register

if TYPE_CHECKING:
    from vitalspan.monitor import Monitor

_MOST_TASKS: Final = 1000
"""The maximum number of pairs of a task and a queue with their own series."""


class TaskMetrics:
    """The metrics of all tasks of one monitor, created for the first integration.

    Args:
        monitor: the monitor in whose registry they are.

    Raises:
        ConfigurationError: if the registry already has metrics with these names.
    """

    def __init__(self, monitor: Monitor) -> None:
        self._tasks: set[tuple[str, str]] = set()
        labels = [names.TASK, names.QUEUE]
        self._waiting = register(
            Histogram, monitor, names.TASK_WAITING, labels, buckets=names.DURATION_BOUNDARIES
        )
        self._outcomes = register(Counter, monitor, names.TASK_OUTCOMES, [*labels, "outcome"])
        self._lengths = register(
            Gauge,
            monitor,
            names.TASK_QUEUE_LENGTH,
            [names.QUEUE],
            multiprocess_mode="mostrecent",
        )

    def bounded(self, task: str, queue: str) -> tuple[str, str]:
        """Return the labels of a task, which are `_overflow` if there are too many tasks."""
        pair = (task, queue)
        if pair not in self._tasks:
            if len(self._tasks) >= _MOST_TASKS:
                return names.OVERFLOW, names.OVERFLOW
            self._tasks.add(pair)
        return pair

    def waited(self, task: str, queue: str, seconds: float) -> None:
        """Count how long a task has waited before it was started."""
        self._waiting.labels(task, queue).observe(seconds)

    def ended(self, task: str, queue: str, outcome: str) -> None:
        """Count how a task ended."""
        self._outcomes.labels(task, queue, outcome).inc()

    def set_length(self, queue: str, length: int | None) -> None:
        """Set how many tasks wait in a queue; None removes the sample."""
        if length is not None:
            self._lengths.labels(queue).set(length)
            return
        try:
            self._lengths.remove(queue)
        except KeyError:
            return


task_metrics: Final = OnePerMonitor(TaskMetrics)
"""Returns the metrics of a monitor's tasks."""
