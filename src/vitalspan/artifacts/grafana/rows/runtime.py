"""The row about event loops and thread pools: what keeps the rest of a process waiting."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from vitalspan import metrics
from vitalspan.artifacts.grafana.dashboard import row
from vitalspan.artifacts.grafana.panels import Panel, Target, TimeSeries
from vitalspan.artifacts.grafana.queries import TARGETS, Queries, grouped

_NO_LOOP: Final = "no event loop is instrumented"
_NO_EXECUTOR: Final = "no executor of vitalspan.integrations is in use"


@row("Event loops and thread pools", widths=(8, 8, 8))
def loops_and_pools(queries: Queries) -> Iterator[Panel]:
    """Return the row about the event loops and the thread pools of processes."""

    def largest(family: metrics.Family, label: str, empty: str) -> Target:
        return grouped("max", queries.series(family, TARGETS), *TARGETS, label, empty=empty)

    yield TimeSeries(
        "Lag of event loops",
        "How late each event loop called what was due. Something has kept it for so long: a call "
        "that blocks, or one that computes. Everything else in the loop has waited.",
        [largest(metrics.EVENT_LOOP_LAG, "loop", _NO_LOOP)],
        "s",
    )
    yield TimeSeries(
        "Tasks of event loops",
        "The tasks that have not ended. If they rise steadily, tasks are started faster than they "
        "end, or some never end.",
        [largest(metrics.EVENT_LOOP_TASKS, "loop", _NO_LOOP)],
    )
    yield TimeSeries(
        "Queues of thread pools",
        "The work that waits for a thread of each pool. If some waits for long, the pool has too "
        "few threads, or its work blocks.",
        [largest(metrics.EXECUTOR_QUEUE_LENGTH, "executor", _NO_EXECUTOR)],
    )
