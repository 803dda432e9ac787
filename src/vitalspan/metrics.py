"""The names of all metrics and labels, and the default boundaries."""

from __future__ import annotations

from typing import Final, NamedTuple

COMPONENT: Final = "component"
OPERATION: Final = "operation"
ERROR_TYPE: Final = "error_type"

OVERFLOW: Final = "_overflow"
"""The value of every label of the series that takes calls beyond `max_series`."""

OTHER: Final = "_OTHER"
"""The error type, after OpenTelemetry's `error.type`, of what the cap on error types leaves out."""

RESERVED_LABELS: Final = frozenset({COMPONENT, OPERATION, ERROR_TYPE, "le", "quantile"})
"""Labels that a user cannot declare: vitalspan or the exposition formats set them."""

DURATION_BOUNDARIES: Final[tuple[float, ...]] = (
    0.0001,
    0.00025,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.075,
    0.1,
    0.25,
    0.5,
    0.75,
    1.0,
    2.5,
    5.0,
    7.5,
    10.0,
    30.0,
    60.0,
)
"""Upper bounds of the exported buckets in seconds: OpenTelemetry's advisory boundaries for HTTP
durations (semantic conventions, `http.server.request.duration`), widened at both ends."""


class Family(NamedTuple):
    """A metric family without its samples.

    The name is that of the samples for counters and information (it ends in `_total` or `_info`),
    that of the family otherwise.
    """

    name: str
    type: str
    help: str
    unit: str = ""


OPERATION_DURATION: Final = Family(
    "operation_duration_seconds",
    "histogram",
    "Duration of finished calls, whatever their outcome.",
    "seconds",
)
DURATION_BUCKET, DURATION_COUNT, DURATION_SUM = (
    f"{OPERATION_DURATION.name}_{part}" for part in ("bucket", "count", "sum")
)
"""The samples of the histogram."""

OPERATION_ERRORS: Final = Family(
    "operation_errors_total", "counter", "Calls that raised, by qualified exception name."
)
OPERATION_CANCELLATIONS: Final = Family(
    "operation_cancellations_total",
    "counter",
    "Cancelled tasks and generators closed early: neither successes nor errors.",
)
OPERATION_IN_PROGRESS: Final = Family(
    "operation_in_progress", "gauge", "Calls that have begun and not yet ended."
)
OPERATION_OLDEST: Final = Family(
    "operation_oldest_in_progress_seconds",
    "gauge",
    "Age of the oldest call in progress, 0 without one.",
    "seconds",
)
OPERATION_FIRST_BYTE: Final = Family(
    "operation_time_to_first_byte_seconds",
    "histogram",
    "Time from the first byte of a request to the first one of its response.",
    "seconds",
)
OPERATION_CPU: Final = Family(
    "operation_cpu_seconds_total",
    "counter",
    "CPU time of the calls whose resources were measured.",
    "seconds",
)
OPERATION_MEMORY_GROWTH: Final = Family(
    "operation_memory_growth_bytes_total",
    "counter",
    "Growth of resident memory over the calls whose resources were measured; shrinking counts 0.",
    "bytes",
)
HTTP_REQUEST_DURATIONS: Final = {
    side: Family(
        f"http_{side}_request_duration_seconds",
        "histogram",
        f"Duration of HTTP {side} requests.",
        "seconds",
    )
    for side in ("server", "client")
}
"""OpenTelemetry's stable metrics `http.server.request.duration` and `http.client.request.duration`,
which are shown only if somebody wants them, beside ours."""

HTTP_REQUEST_BOUNDARIES: Final[tuple[float, ...]] = (
    *(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0),
)
"""Upper bounds of their buckets in seconds, which the semantic conventions advise."""

CACHE_REQUESTS: Final = Family(
    "cache_requests_total", "counter", "Look-ups in a cache, by result (hit or miss)."
)
API_CALLS: Final = Family("api_calls_total", "counter", "Calls to an API, by outcome.")
API_TOKENS: Final = Family("api_tokens_total", "counter", "Tokens that calls to an API used.")
API_COST: Final = Family(
    "api_cost_dollars_total", "counter", "Cost of calls to an API in US dollars."
)
API_MODEL_CALLS: Final = Family(
    "api_model_calls_total", "counter", "Calls to an API, by model and outcome."
)
TOKEN_TYPES: Final = ("input", "output", "cached", "reasoning")
"""Values of the label token_type: cached tokens are input, and reasoning tokens output as well."""

API_MODEL_TOKENS: Final = Family(
    "api_model_tokens_total",
    "counter",
    "Tokens by model and type; cached ones are input, and reasoning ones output as well.",
)
API_MODEL_COST: Final = Family(
    "api_model_cost_dollars_total", "counter", "Cost of calls to an API in US dollars, by model."
)
API_RETRIES: Final = Family(
    "api_retries_total", "counter", "Attempts beyond the first one of calls to an API, by model."
)
API_DURATION: Final = Family(
    "api_duration_seconds", "histogram", "Duration of calls to an API, by model.", "seconds"
)
API_FIRST_TOKEN: Final = Family(
    "api_time_to_first_token_seconds",
    "histogram",
    "Time until the first token of an answer came, by model.",
    "seconds",
)
GEN_AI_TOKENS: Final = Family(
    "gen_ai_client_token_usage", "histogram", "Number of input and output tokens used."
)
GEN_AI_DURATION: Final = Family(
    "gen_ai_client_operation_duration_seconds", "histogram", "GenAI operation duration.", "seconds"
)
GEN_AI_FIRST_CHUNK: Final = Family(
    "gen_ai_client_operation_time_to_first_chunk_seconds",
    "histogram",
    "Time to receive the first chunk of a response.",
    "seconds",
)
SLO_EVENTS: Final = Family("slo_events_total", "counter", "Calls that an SLO judged.")
SLO_BAD_EVENTS: Final = Family(
    "slo_bad_events_total", "counter", "Calls that an SLO judged and found bad."
)
SLO_OBJECTIVE: Final = Family(
    "slo_objective_ratio", "gauge", "The share of events that shall be good.", "ratio"
)
SLO_BUDGET: Final = Family(
    "slo_error_budget_remaining_ratio",
    "gauge",
    "The share of the error budget that is left, over what history of the window there is.",
    "ratio",
)
ALERT_STATES: Final = {"inactive": 0, "pending": 1, "firing": 2}
"""Values of the gauge of alerts."""

ALERT_STATE: Final = Family(
    "alert_state",
    "gauge",
    f"State of every rule: {', '.join(f'{at} {state}' for state, at in ALERT_STATES.items())}.",
)
ALERT_TRANSITIONS: Final = Family(
    "alert_transitions_total", "counter", "Changes of alerts, by the state that they came to."
)
ALERT_NOTIFICATIONS: Final = Family(
    "alert_notifications_total", "counter", "Messages about alerts, by receiver and result."
)
CIRCUIT_STATES: Final = {"closed": 0.0, "half_open": 0.5, "open": 1.0}
"""Values of the gauge of circuit breakers."""

RECEIVER_CIRCUIT: Final = Family(
    "vitalspan_receiver_circuit_open",
    "gauge",
    "Whether a receiver is left alone after failures: 0 no, 1 yes, 0.5 being tried again.",
)
ALERT_ACTIONS: Final = Family(
    "vitalspan_alert_actions_total", "counter", "Actions that alerts set off, by result."
)
OTLP_POINTS: Final = Family(
    "vitalspan_otlp_data_points_total",
    "counter",
    "Data points pushed by OTLP, by what became of them: accepted, rejected or dropped.",
)
OTLP_REQUESTS: Final = Family(
    "vitalspan_otlp_requests_total",
    "counter",
    "Requests sent by OTLP, by what became of them: accepted, rejected, or failed and tried again.",
)
OTLP_WAITING: Final = Family(
    "vitalspan_otlp_waiting_bytes",
    "gauge",
    "Size of the requests that wait for their OTLP receiver.",
    "bytes",
)
RULES_RELOAD_FAILED: Final = Family(
    "vitalspan_rules_reload_failed",
    "gauge",
    "1 while the rule file has a mistake and the rules before it are in force.",
)
RULE_FAILURES: Final = Family(
    "vitalspan_rule_failures_total", "counter", "Evaluations of a rule that failed."
)
RULE_WITHOUT_SERIES: Final = Family(
    "vitalspan_rule_without_series",
    "gauge",
    "1 while a rule names an operation, cache, API or metric that has never been there.",
)
STORE_WRITES: Final = Family(
    "vitalspan_store_writes_total",
    "counter",
    "Batches of history for the store, by what became of them: written or failed.",
)
STORE_UNWRITTEN: Final = Family(
    "vitalspan_store_unwritten_seconds",
    "gauge",
    "How much of the past is in memory alone, because the store cannot be written.",
    "seconds",
)
STORE_DROPPED: Final = Family(
    "vitalspan_store_dropped_records_total",
    "counter",
    "Alerts, scores and sessions that were not stored, because too many waited.",
)
STORE_SIZE: Final = Family(
    "vitalspan_store_size_bytes", "gauge", "Size of the history in the store.", "bytes"
)
STORE_WRITE_SECONDS: Final = Family(
    "vitalspan_store_write_seconds", "summary", "Time spent writing to the store.", "seconds"
)
TICK: Final = Family("vitalspan_tick_seconds", "summary", "Time spent evaluating rules.", "seconds")
HEALTH_SCORE: Final = Family(
    "health_score", "gauge", "How well the service does, from 0 to 100; absent while unknown."
)
HEALTH_STATUS: Final = Family(
    "health_status", "stateset", "The level that the health score is in, no_data without one."
)
HEALTH_FACTOR_SCORE: Final = Family(
    "health_factor_score", "gauge", "What each factor of the health score is at, from 0 to 1."
)
HEALTH_FACTOR_WEIGHT: Final = Family(
    "health_factor_weight", "gauge", "Points of the health score that each known factor stands for."
)
HEALTH_POINTS_LOST: Final = Family(
    "health_factor_points_lost", "gauge", "Points that each factor takes off the health score."
)
COMPONENT_HEALTH_SCORE: Final = Family(
    "component_health_score", "gauge", "How well each component does by itself, from 0 to 100."
)
COMPONENT_EFFECTIVE_SCORE: Final = Family(
    "component_effective_health_score",
    "gauge",
    "The least of the scores of a component and of all that it depends on, from 0 to 100.",
)
COMPONENT_DEPENDENCY: Final = Family(
    "component_dependency_info", "info", "Always 1; which component depends on which."
)
COMPONENT_CONCURRENCY: Final = Family(
    "component_recommended_concurrency",
    "gauge",
    "Calls to have room for at once, by Little's law, with some to spare.",
)
INTERNAL_ERRORS: Final = Family(
    "vitalspan_internal_errors_total",
    "counter",
    "Faults of the instrumentation itself, kept from the instrumented code.",
)
COLLECTOR_ERRORS: Final = Family(
    "vitalspan_collector_errors_total",
    "counter",
    "Collectors that raised and were left out of a scrape.",
)
SERIES: Final = Family(
    "vitalspan_series", "gauge", "Distinct sets of operation labels, the overflow series included."
)
SERIES_OVERFLOWS: Final = Family(
    "vitalspan_series_overflows_total",
    "counter",
    "Times a new set of operation labels was refused and recorded as _overflow.",
)
FOLD: Final = Family(
    "vitalspan_fold_seconds",
    "summary",
    "Time spent counting recorded calls into buckets.",
    "seconds",
)
BUILD_INFO: Final = Family(
    "vitalspan_build_info", "info", "Always 1; the versions in use are its labels."
)
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

GEN_AI_FAMILIES: Final = (GEN_AI_TOKENS, GEN_AI_DURATION, GEN_AI_FIRST_CHUNK)
"""The metrics of calls to models by the names of OpenTelemetry's conventions."""

MODEL_FAMILIES: Final = (
    API_MODEL_CALLS,
    API_MODEL_TOKENS,
    API_MODEL_COST,
    API_RETRIES,
    API_DURATION,
    API_FIRST_TOKEN,
)
"""The metrics of calls to models."""

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

SEPARATE_FAMILIES: Final = frozenset(
    {
        *JOB_FAMILIES,
        JOB_OUTCOME,
        *TASK_FAMILIES,
        *RUNTIME_FAMILIES,
        *MODEL_FAMILIES,
        *GEN_AI_FAMILIES,
    }
)
"""What is in a registry beside a monitor's own metrics, once something has put it there."""

REPORTS: Final = Family(
    "vitalspan_reports_total",
    "counter",
    "Reports that were due, by what became of them: written, or failed and tried again.",
)

_MEASURE_PREFIX: Final = "operation_"
_COUNTER_ENDINGS: Final = ("_total", "_count", "_sum", "_bucket")


def is_counter(metric: str) -> bool:
    """Return whether a metric of that name is a counter, or a part of a histogram that is one."""
    return metric.endswith(_COUNTER_ENDINGS)


def measure(name: str) -> Family:
    """Return the family that counts a measure of operations."""
    return Family(
        f"{_MEASURE_PREFIX}{name}_total", "counter", f"Sum of the measure {name} over calls."
    )


HEALTH_FAMILIES: Final = (
    HEALTH_SCORE,
    HEALTH_STATUS,
    HEALTH_FACTOR_SCORE,
    HEALTH_FACTOR_WEIGHT,
    HEALTH_POINTS_LOST,
    COMPONENT_HEALTH_SCORE,
    COMPONENT_EFFECTIVE_SCORE,
)
"""What is made of the health score, or goes into it."""

ALERT_FAMILIES: Final = (ALERT_STATE, ALERT_TRANSITIONS, ALERT_NOTIFICATIONS, ALERT_ACTIONS)
"""What is made of alerts."""

OPERATION_FAMILIES: Final = (
    OPERATION_DURATION,
    OPERATION_ERRORS,
    OPERATION_CANCELLATIONS,
    OPERATION_IN_PROGRESS,
    OPERATION_OLDEST,
    OPERATION_FIRST_BYTE,
    OPERATION_CPU,
    OPERATION_MEMORY_GROWTH,
)

RESERVED_MEASURES: Final = frozenset(
    name.removeprefix(_MEASURE_PREFIX)
    for family in OPERATION_FAMILIES
    for base in [family.name.removesuffix("_total")]
    for name in (base, *(f"{base}_{end}" for end in ("bucket", "count", "sum")))
)
"""Measures whose counter would take a name of one of the families above."""
