"""The dashboard Background: tasks of queues, and batch jobs."""

from __future__ import annotations

from typing import Final

from vitalspan import metrics
from vitalspan.artifacts.grafana import styles
from vitalspan.artifacts.grafana.dashboard import Dashboard, Panels, row
from vitalspan.artifacts.grafana.panels import (
    Column,
    StateHistory,
    Table,
    Target,
    TimeSeries,
    labels,
    legend,
)
from vitalspan.artifacts.grafana.queries import TARGETS, Queries, grouped
from vitalspan.artifacts.grafana.variables import label_variables
from vitalspan.promql.matchers import Matcher

_NO_TASKS: Final = "no task queue is instrumented"
_NO_POLLER: Final = "nobody asks the broker for the length of queues"
_NO_JOBS: Final = "no job is watched"

_LATE: Final = ((None, styles.GOOD), (0.0, styles.BAD))
"""The colors of a late success, in seconds: one that is still due is below 0."""


@row("Tasks", widths=(12, 12, 12, 12))
def _tasks(queries: Queries) -> Panels:
    ends = queries.rate(metrics.TASK_OUTCOMES, TARGETS)
    bad = queries.rate(
        metrics.TASK_OUTCOMES, TARGETS, Matcher("outcome", "=~", "failed|timed_out|expired")
    )
    wrong = f"sum by (job, task, outcome) ({bad}) > 0"
    waiting = queries.rate(f"{metrics.TASK_WAITING.name}_bucket", TARGETS)
    p95 = f"histogram_quantile(0.95, sum by (job, queue, le) ({waiting}))"
    length = queries.series(metrics.TASK_QUEUE_LENGTH, TARGETS)
    yield TimeSeries(
        "Tasks by outcome",
        "Tasks per second, by how they ended. A retry is not an error, because the task runs "
        "again.",
        [grouped("sum", ends, "job", "outcome", empty=_NO_TASKS)],
        "ops",
        stacked=True,
    )
    yield TimeSeries(
        "Tasks that went wrong",
        "Tasks per second that failed, ran for too long, or waited for too long. Above 0, "
        "look at the log of the workers.",
        [Target(wrong, legend("task", "outcome"), empty="every task has succeeded")],
        "ops",
    )
    yield TimeSeries(
        "Waiting time",
        "95 % of the tasks of each queue waited no longer than this before they started. If "
        "it rises, there are too few workers, or they are too slow.",
        [Target(p95, "{{queue}}", empty=_NO_TASKS)],
        "s",
    )
    yield TimeSeries(
        "Queue length",
        "The number of tasks that are waiting in each queue. If it keeps rising, tasks are "
        "sent faster than they are done.",
        [grouped("max", length, "job", "queue", empty=_NO_POLLER)],
    )


@row("Batch jobs", widths=(24, 12, 12))
def _jobs(queries: Queries) -> Panels:
    # Pushed metrics have the labels of their gateway, which no variable selects.
    def last(family: metrics.Family, *matchers: Matcher) -> str:
        return f"max by (job_name) ({queries.series(family, (), *matchers)})"

    success = last(metrics.JOB_SUCCEEDED)
    late = f"time() - {success} - ({last(metrics.JOB_INTERVAL)} + {last(metrics.JOB_GRACE)})"
    failed = last(metrics.JOB_OUTCOME, Matcher("outcome", "!=", "succeeded"))
    yield Table(
        "Jobs",
        'Every job, with figures of its last run. If "Late by" is above 0, the job should '
        "have succeeded by now.",
        labels(job_name="Job"),
        [
            Column("Late by", late, "s", _LATE, empty="no job has an interval and a success"),
            Column("Last success", f"time() - {success}", "s", empty=_NO_JOBS),
            Column("Last duration", last(metrics.JOB_DURATION), "s", empty=_NO_JOBS),
            Column("Exit status", last(metrics.JOB_EXIT_STATUS), "none", empty=_NO_JOBS),
        ],
    )
    yield StateHistory(
        "Failed runs",
        "Red means that the last run of the job did not succeed. Look at its exit status "
        "above, and at its output.",
        [Target(failed, "{{job_name}}", empty=_NO_JOBS)],
        thresholds=styles.NONE_EXPECTED,
    )
    yield TimeSeries(
        "Durations of jobs",
        "How long the last run of each job took. If this rises towards the interval of the "
        "job, its runs will overlap.",
        [Target(last(metrics.JOB_DURATION), "{{job_name}}", empty=_NO_JOBS)],
        "s",
    )


BACKGROUND: Final = Dashboard(
    "vitalspan-background",
    "vitalspan / Background",
    "Task queues and batch jobs: how tasks and runs end, how long tasks wait, and which jobs "
    "are late.",
    label_variables(TARGETS),
    (_tasks, _jobs),
    time_from="now-6h",
)
"""The dashboard of work outside of requests."""
