"""The row about event loops and thread pools: what keeps the rest of a process waiting."""

from __future__ import annotations

from typing import Final

from vitalspan import metrics
from vitalspan.artifacts.grafana.dashboard import Row
from vitalspan.artifacts.grafana.panels import Target, TimeSeries
from vitalspan.artifacts.grafana.queries import TARGETS, Queries

_NO_LOOP: Final = "no event loop is instrumented"
_NO_EXECUTOR: Final = "no executor of vitalspan.integrations is in use"


def loops_and_pools(queries: Queries) -> Row:
    """Return the row about the event loops and the thread pools of processes."""

    def largest(family: metrics.Family, label: str, empty: str) -> Target:
        series = queries.series(family.name, TARGETS)
        expr = f"max by (job, instance, {label}) ({series})"
        return Target(expr, f"{{{{instance}}}} {{{{{label}}}}}", empty=empty)

    return Row(
        "Event loops and thread pools",
        TimeSeries(
            "Lag of event loops",
            "How late each event loop called what was due. Something has kept it for so long: a "
            "call that blocks, or one that computes. Everything else in the loop has waited.",
            [largest(metrics.EVENT_LOOP_LAG, "loop", _NO_LOOP)],
            "s",
        ),
        TimeSeries(
            "Tasks of event loops",
            "The tasks that have not ended. If they rise steadily, tasks are started faster than "
            "they end, or some never end.",
            [largest(metrics.EVENT_LOOP_TASKS, "loop", _NO_LOOP)],
        ),
        TimeSeries(
            "Queues of thread pools",
            "The work that waits for a thread of each pool. If some waits for long, the pool has "
            "too few threads, or its work blocks.",
            [largest(metrics.EXECUTOR_QUEUE_LENGTH, "executor", _NO_EXECUTOR)],
        ),
        widths=(8, 8, 8),
    )
