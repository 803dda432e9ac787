"""The metrics of task queues, and of logging, event loops and thread pools."""

from __future__ import annotations

from typing import Final

from vitalspan.metrics.family import Family

TASK: Final = "task"
QUEUE: Final = "queue"
TASK_WAITING: Final = Family(
    "task_waiting_seconds",
    "histogram",
    "Time from when a task was sent, or was to be started, until it was started.",
    "seconds",
)
TASK_OUTCOMES: Final = Family(
    "task_outcomes_total", "counter", "Tasks by how they ended; a retry is an end, and no error."
)
TASK_QUEUE_LENGTH: Final = Family(
    "task_queue_length", "gauge", "Tasks that wait in a queue, where somebody asks its broker."
)
LOG_RECORDS: Final = Family(
    "log_records_total", "counter", "Log records by logger and level, from a level on."
)
EVENT_LOOP_LAG: Final = Family(
    "event_loop_lag_seconds",
    "gauge",
    "How late the event loop called what was due, the greatest of the last minute or two.",
    "seconds",
)
EVENT_LOOP_TASKS: Final = Family(
    "event_loop_tasks", "gauge", "Tasks of the event loop that have not ended."
)
EXECUTOR_QUEUE_LENGTH: Final = Family(
    "executor_queue_length", "gauge", "Work that waits for a thread of the executor."
)
EXECUTOR_THREADS: Final = Family("executor_threads", "gauge", "Threads of the executor.")
RUNTIME_FAMILIES: Final = (
    LOG_RECORDS,
    EVENT_LOOP_LAG,
    EVENT_LOOP_TASKS,
    EXECUTOR_QUEUE_LENGTH,
    EXECUTOR_THREADS,
)
"""The metrics of logging, event loops and thread pools."""

TASK_FAMILIES: Final = (TASK_WAITING, TASK_OUTCOMES, TASK_QUEUE_LENGTH)
"""The metrics of tasks beside those of operations."""
