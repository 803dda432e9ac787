"""The metrics of jobs."""

from __future__ import annotations

from typing import Final

from vitalspan.metrics.family import gauge

JOB_NAME: Final = "job_name"
"""The label of a job's metrics; Prometheus uses `job` for a group of targets."""

JOB_STARTED: Final = gauge(
    "job_last_started_timestamp_seconds", "Unix time of the last start of the job."
)
JOB_FINISHED: Final = gauge(
    "job_last_finished_timestamp_seconds",
    "Unix time of the last end of the job, whatever its outcome.",
)
JOB_SUCCEEDED: Final = gauge(
    "job_last_success_timestamp_seconds", "Unix time of the last success of the job."
)
JOB_DURATION: Final = gauge(
    "job_last_duration_seconds", "Duration of the last finished run of the job."
)
JOB_EXIT_STATUS: Final = gauge(
    "job_last_exit_status", "Exit status of the last finished run of the job."
)
JOB_OUTCOME: Final = gauge(
    "job_last_outcome",
    "1 for the outcome of the last finished run of the job, 0 for the other outcomes.",
)
JOB_INTERVAL: Final = gauge(
    "job_expected_interval_seconds",
    "Expected time from one success of the job to the next.",
)
JOB_GRACE: Final = gauge(
    "job_grace_seconds", "How late a success of the job may be before it counts as missed."
)
JOB_EXPECTED_DURATION: Final = gauge(
    "job_expected_duration_seconds",
    "The longest time that a run of the job should take.",
)
JOB_DECLARED: Final = gauge(
    "job_declared_timestamp_seconds", "Unix time at which this process declared the job."
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
