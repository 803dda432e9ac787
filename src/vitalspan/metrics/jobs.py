"""The metrics of jobs."""

from __future__ import annotations

from typing import Final

from vitalspan.metrics.family import gauge

JOB_NAME: Final = "job_name"
"""The label of a job's metrics; Prometheus uses `job` for a group of targets."""

JOB_STARTED: Final = gauge(
    "job_last_started_timestamp_seconds", "When the job started last, in Unix seconds."
)
JOB_FINISHED: Final = gauge(
    "job_last_finished_timestamp_seconds",
    "When a run of the job ended last, in Unix seconds, however it ended.",
)
JOB_SUCCEEDED: Final = gauge(
    "job_last_success_timestamp_seconds", "When a run of the job succeeded last, in Unix seconds."
)
JOB_DURATION: Final = gauge(
    "job_last_duration_seconds", "How long the run of the job took that ended last."
)
JOB_EXIT_STATUS: Final = gauge(
    "job_last_exit_status", "The exit status of the run of the job that ended last."
)
JOB_OUTCOME: Final = gauge(
    "job_last_outcome", "1 for the outcome of the run of the job that ended last, 0 for the others."
)
JOB_INTERVAL: Final = gauge(
    "job_expected_interval_seconds",
    "How often the job should succeed: seconds from one success to the next.",
)
JOB_GRACE: Final = gauge("job_grace_seconds", "How late a success of the job may be.")
JOB_EXPECTED_DURATION: Final = gauge(
    "job_expected_duration_seconds",
    "How long a run of the job may take until it counts as never finished.",
)
JOB_DECLARED: Final = gauge(
    "job_declared_timestamp_seconds", "Since when this process knows the job, in Unix seconds."
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
"""The metrics of jobs whose only label is the name of the job."""
