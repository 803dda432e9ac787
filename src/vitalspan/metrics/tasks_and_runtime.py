"""The metrics of task queues, and of logging, event loops and thread pools."""

from __future__ import annotations

from typing import Final

from vitalspan.metrics.family import counter, gauge, histogram

TASK: Final = "task"
QUEUE: Final = "queue"
TASK_WAITING: Final = histogram(
    "task_waiting_seconds",
    "Time that tasks waited, from when they were sent or due until they were started.",
)
TASK_OUTCOMES: Final = counter(
    "task_outcomes_total",
    "Ended tasks, by outcome; a retry is an outcome of its own, not an error.",
)
TASK_QUEUE_LENGTH: Final = gauge(
    "task_queue_length", "Tasks waiting in a queue, as its broker says; only if queues are polled."
)
LOG_RECORDS: Final = counter(
    "log_records_total", "Log records of at least the configured level, by logger and level."
)
EVENT_LOOP_LAG: Final = gauge(
    "event_loop_lag_seconds",
    "The longest delay of the event loop's callbacks in the last minute or two.",
)
EVENT_LOOP_TASKS: Final = gauge("event_loop_tasks", "Unfinished tasks of the event loop.")
EXECUTOR_QUEUE_LENGTH: Final = gauge(
    "executor_queue_length", "Work items waiting for a thread of the executor."
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
