"""Careful hand-written code with prometheus_client or OTel metrics: the same series, cached."""

from __future__ import annotations

import asyncio
import functools
from time import perf_counter
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

BOUNDARIES = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25),
    *(0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 30.0, 60.0),
)
LABELS = ("component", "operation")


class Series(NamedTuple):
    """The families in which an operation is recorded."""

    duration: Histogram
    in_progress: Gauge
    errors: Counter
    cancellations: Counter


def series(registry: CollectorRegistry) -> Series:
    """Register the families with the names that vitalspan uses."""
    return Series(
        Histogram(
            "operation_duration_seconds",
            "How long calls took.",
            LABELS,
            buckets=BOUNDARIES,
            registry=registry,
        ),
        Gauge("operation_in_progress", "Calls now inside.", LABELS, registry=registry),
        Counter(
            "operation_errors", "Calls that raised.", (*LABELS, "error_type"), registry=registry
        ),
        Counter("operation_cancellations", "Calls cancelled.", LABELS, registry=registry),
    )


def by_hand(func: Any, families: Series) -> Any:
    """Count and time a function; the children are looked up once."""
    values = ("default", func.__qualname__)
    duration = families.duration.labels(*values)
    in_progress = families.in_progress.labels(*values)
    errors = families.errors

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        in_progress.inc()
        start = perf_counter()
        try:
            return func(*args, **kwargs)
        except Exception as error:
            errors.labels(*values, type(error).__qualname__).inc()
            raise
        finally:
            duration.observe(perf_counter() - start)
            in_progress.dec()

    return wrapper


def aby_hand(func: Any, families: Series) -> Any:
    """Count and time a coroutine function."""
    values = ("default", func.__qualname__)
    duration = families.duration.labels(*values)
    in_progress = families.in_progress.labels(*values)
    cancellations = families.cancellations.labels(*values)
    errors = families.errors

    @functools.wraps(func)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        in_progress.inc()
        start = perf_counter()
        try:
            return await func(*args, **kwargs)
        except asyncio.CancelledError:
            cancellations.inc()
            raise
        except Exception as error:
            errors.labels(*values, type(error).__qualname__).inc()
            raise
        finally:
            duration.observe(perf_counter() - start)
            in_progress.dec()

    return wrapper


def otel_instruments() -> tuple[Any, Any]:
    """Return a histogram and an up-down counter of the OTel SDK, which are only read manually."""
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View

    view = View(
        instrument_name="operation.duration",
        aggregation=ExplicitBucketHistogramAggregation(BOUNDARIES),
    )
    provider = MeterProvider([InMemoryMetricReader()], views=[view])
    meter = provider.get_meter("bench")
    return (
        meter.create_histogram("operation.duration", unit="s"),
        meter.create_up_down_counter("operation.in_progress"),
    )


def otel_metrics(func: Any, instruments: tuple[Any, Any]) -> Any:
    """Count and time a function with OTel metrics."""
    duration, in_progress = instruments
    attributes = {"component": "default", "operation": func.__qualname__}

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        in_progress.add(1, attributes)
        start = perf_counter()
        try:
            return func(*args, **kwargs)
        finally:
            duration.record(perf_counter() - start, attributes)
            in_progress.add(-1, attributes)

    return wrapper


def aotel_metrics(func: Any, instruments: tuple[Any, Any]) -> Any:
    """Count and time a coroutine function with OTel metrics."""
    duration, in_progress = instruments
    attributes = {"component": "default", "operation": func.__qualname__}

    @functools.wraps(func)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        in_progress.add(1, attributes)
        start = perf_counter()
        try:
            return await func(*args, **kwargs)
        finally:
            duration.record(perf_counter() - start, attributes)
            in_progress.add(-1, attributes)

    return wrapper
