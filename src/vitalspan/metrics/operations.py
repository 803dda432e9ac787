"""The metrics of operations and of HTTP requests, and the default boundaries of their buckets."""

from __future__ import annotations

from typing import Final

from vitalspan.metrics.family import Family

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

NATIVE_PARTS: Final = {
    DURATION_COUNT: (OPERATION_DURATION.name, "histogram_count"),
    DURATION_SUM: (OPERATION_DURATION.name, "histogram_sum"),
}
"""The native histogram that has the same value as each of these samples, and PromQL's function that
takes it from there."""

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

_MEASURE_PREFIX: Final = "operation_"


def measure(name: str) -> Family:
    """Return the family that counts a measure of operations."""
    return Family(
        f"{_MEASURE_PREFIX}{name}_total", "counter", f"Sum of the measure {name} over calls."
    )


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
