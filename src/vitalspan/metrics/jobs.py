"""The metrics of jobs."""

from __future__ import annotations

from typing import Final

from vitalspan.metrics.family import Family

JOB_NAME: Final = "job_name"
"""The label of a job's metrics; `job` is what Prometheus calls a group of targets."""

JOB_STARTED: Final = Family(
    "job_last_started_timestamp_seconds",
    "gauge",
    "When the job started last, in Unix seconds.",
    "seconds",
)
JOB_FINISHED: Final = Family(
    "job_last_finished_timestamp_seconds",
    "gauge",
    "When a run of the job ended last, in Unix seconds, however it ended.",
    "seconds",
)
JOB_SUCCEEDED: Final = Family(
    "job_last_success_timestamp_seconds",
    "gauge",
    "When a run of the job succeeded last, in Unix seconds.",
    "seconds",
)
JOB_DURATION: Final = Family(
    "job_last_duration_seconds",
    "gauge",
    "How long the run of the job took that ended last.",
    "seconds",
)
JOB_EXIT_STATUS: Final = Family(
    "job_last_exit_status", "gauge", "The exit status of the run of the job that ended last."
)
JOB_OUTCOME: Final = Family(
    "job_last_outcome",
    "gauge",
    "1 for the outcome of the run of the job that ended last, 0 for the others.",
)
JOB_INTERVAL: Final = Family(
    "job_expected_interval_seconds",
    "gauge",
    "How often the job should succeed: seconds from one success to the next.",
    "seconds",
)
JOB_GRACE: Final = Family(
    "job_grace_seconds", "gauge", "How late a success of the job may be.", "seconds"
)
JOB_EXPECTED_DURATION: Final = Family(
    "job_expected_duration_seconds",
    "gauge",
    "How long a run of the job may take until it counts as never finished.",
    "seconds",
)
JOB_DECLARED: Final = Family(
    "job_declared_timestamp_seconds",
    "gauge",
    "Since when this process knows the job, in Unix seconds.",
    "seconds",
)
JOB_FAMILIES: Final = (
    JOB_STARTED,
    JOB_FINISHED,
    JOB_SUCCEEDED,
    JOB_DURATION,
    JOB_EXIT_STATUS,
    JOB_INTERVAL,
    JOB_GRACE,
    JOB_EXPECTED_DURATION,
    JOB_DECLARED,
)
"""The metrics of jobs that have no label but the name of the job."""
