"""The metrics of task queues, and of logging, event loops and thread pools."""

from __future__ import annotations

from typing import Final

from vitalspan.metrics.family import counter, gauge, histogram

TASK: Final = "task"
QUEUE: Final = "queue"
TASK_WAITING: Final = histogram(
    "task_waiting_seconds",
    "Time from when a task was sent, or was to be started, until it was started.",
)
TASK_OUTCOMES: Final = counter(
    "task_outcomes_total", "Tasks by how they ended; a retry is an end, and no error."
)
TASK_QUEUE_LENGTH: Final = gauge(
    "task_queue_length", "Tasks that wait in a queue, where somebody asks its broker."
)
LOG_RECORDS: Final = counter(
    "log_records_total", "Log records by logger and level, from a level on."
)
EVENT_LOOP_LAG: Final = gauge(
    "event_loop_lag_seconds",
    "How late the event loop called what was due, the greatest of the last minute or two.",
)
EVENT_LOOP_TASKS: Final = gauge("event_loop_tasks", "Tasks of the event loop that have not ended.")
EXECUTOR_QUEUE_LENGTH: Final = gauge(
    "executor_queue_length", "Work that waits for a thread of the executor."
)
EXECUTOR_THREADS: Final = gauge("executor_threads", "Threads of the executor.")
RUNTIME_FAMILIES: Final = (
    LOG_RECORDS,
    EVENT_LOOP_LAG,
    EVENT_LOOP_TASKS,
    EXECUTOR_QUEUE_LENGTH,
    EXECUTOR_THREADS,
)
"""The metrics of logging, event loops and thread pools."""

TASK_FAMILIES: Final = (TASK_WAITING, TASK_OUTCOMES, TASK_QUEUE_LENGTH)
"""The metrics of tasks besides those of operations."""
