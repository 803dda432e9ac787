"""What vitalspan says of itself: its work, its store, its exporters and its faults."""

from __future__ import annotations

from typing import Final

from vitalspan.metrics.family import Family

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
REPORTS: Final = Family(
    "vitalspan_reports_total",
    "counter",
    "Reports that were due, by what became of them: written, or failed and tried again.",
)
