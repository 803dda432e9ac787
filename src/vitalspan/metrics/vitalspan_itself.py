"""The metrics of vitalspan itself: its work, its store, its exporters and its errors."""

from __future__ import annotations

from typing import Final

from vitalspan.metrics.family import counter, gauge, info, summary

OTLP_POINTS: Final = counter(
    "vitalspan_otlp_data_points_total",
    "Data points pushed by OTLP, by result: accepted, rejected or dropped.",
)
OTLP_REQUESTS: Final = counter(
    "vitalspan_otlp_requests_total",
    "Requests sent by OTLP, by result: accepted, rejected, or failed and sent again.",
)
OTLP_WAITING: Final = gauge(
    "vitalspan_otlp_waiting_bytes", "Size of the requests that are waiting to be sent by OTLP."
)
STORE_WRITES: Final = counter(
    "vitalspan_store_writes_total",
    "Batches of history for the store, by result: written or failed.",
)
STORE_UNWRITTEN: Final = gauge(
    "vitalspan_store_unwritten_seconds",
    "How much of the past is only in memory because the store cannot be written.",
)
STORE_DROPPED: Final = counter(
    "vitalspan_store_dropped_records_total",
    "Alerts, scores and sessions that were not stored because too many were waiting.",
)
STORE_SIZE: Final = gauge("vitalspan_store_size_bytes", "Size of the history in the store.")
STORE_WRITE_SECONDS: Final = summary(
    "vitalspan_store_write_seconds", "Time spent writing to the store."
)
TICK: Final = summary("vitalspan_tick_seconds", "Time spent evaluating rules and health.")
INTERNAL_ERRORS: Final = counter(
    "vitalspan_internal_errors_total",
    "Errors inside vitalspan, which never reach the instrumented code.",
)
COLLECTOR_ERRORS: Final = counter(
    "vitalspan_collector_errors_total", "Collectors that raised and were left out of a scrape."
)
SERIES: Final = gauge(
    "vitalspan_series", "The number of sets of operation labels, including the overflow series."
)
SERIES_OVERFLOWS: Final = counter(
    "vitalspan_series_overflows_total",
    "Sets of operation labels that were refused and recorded as _overflow.",
)
FOLD: Final = summary("vitalspan_fold_seconds", "Time spent counting recorded calls into buckets.")
BUILD_INFO: Final = info("vitalspan_build_info", "The versions in use, as labels; always 1.")
PROFILES: Final = counter(
    "vitalspan_profiles_total",
    "Slow calls that were to be profiled, by result: taken, busy, rate_limited, too_short or "
    "not_found.",
)
REPORTS: Final = counter(
    "vitalspan_reports_total",
    "Reports that were due, by result: written, or failed and tried again.",
)
