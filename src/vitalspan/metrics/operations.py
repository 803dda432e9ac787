"""The metrics of operations and of HTTP requests, and the default boundaries of their buckets."""

from __future__ import annotations

from typing import Final

from vitalspan.metrics.family import Family, counter, gauge, histogram

HTTP_REQUEST_BOUNDARIES: Final[tuple[float, ...]] = (
    *(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0),
)
"""The upper bounds of the buckets of HTTP requests in seconds, as OpenTelemetry recommends them
(semantic conventions, `http.server.request.duration`)."""

DURATION_BOUNDARIES: Final[tuple[float, ...]] = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025),
    *HTTP_REQUEST_BOUNDARIES,
    *(30.0, 60.0),
)
"""The upper bounds of the exported buckets in seconds, a wider range than for HTTP requests."""

OPERATION_DURATION: Final = histogram(
    "operation_duration_seconds", "Duration of finished calls, whatever their outcome."
)
DURATION_BUCKET, DURATION_COUNT, DURATION_SUM = (
    f"{OPERATION_DURATION.name}_{part}" for part in ("bucket", "count", "sum")
)
"""The samples of the histogram."""

NATIVE_PARTS: Final = {
    DURATION_COUNT: (OPERATION_DURATION.name, "histogram_count"),
    DURATION_SUM: (OPERATION_DURATION.name, "histogram_sum"),
}
"""The native histogram with the same value as each of these samples, and the PromQL function that
extracts it."""

OPERATION_ERRORS: Final = counter(
    "operation_errors_total",
    "Failed calls, by the qualified name of the exception or the error type that was set.",
)
OPERATION_CANCELLATIONS: Final = counter(
    "operation_cancellations_total",
    "Calls that were cancelled or closed early, which are neither successes nor errors.",
)
OPERATION_IN_PROGRESS: Final = gauge("operation_in_progress", "Calls in progress.")
OPERATION_OLDEST: Final = gauge(
    "operation_oldest_in_progress_seconds",
    "Age of the oldest call in progress; 0 if there is none.",
)
OPERATION_FIRST_BYTE: Final = histogram(
    "operation_time_to_first_byte_seconds",
    "Time from the start of a request to the first byte of its response.",
)
OPERATION_CPU: Final = counter(
    "operation_cpu_seconds_total", "CPU time of the calls whose resources were measured."
)
OPERATION_MEMORY_GROWTH: Final = counter(
    "operation_memory_growth_bytes_total",
    "Growth of resident memory during measured calls; shrinking counts as 0.",
)
HTTP_REQUEST_DURATIONS: Final = {
    side: histogram(f"http_{side}_request_duration_seconds", f"Duration of HTTP {side} requests.")
    for side in ("server", "client")
}
"""OpenTelemetry's stable metrics `http.server.request.duration` and `http.client.request.duration`,
which are only exported on request, in addition to ours."""

_MEASURE_PREFIX: Final = "operation_"


def measure(name: str) -> Family:
    """Return the family that counts a measure of operations."""
    # Its name says nothing about its unit: `hit_ratio` is a number of hits for some programs.
    text = f"Total of the measure {name} over all calls."
    return Family(f"{_MEASURE_PREFIX}{name}_total", "counter", text)


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
"""Measures whose counter would have the name of one of the families above."""
