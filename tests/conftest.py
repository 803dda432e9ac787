"""Fixtures that every test may ask for."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

import vitalspan as vs

for _name in [name for name in os.environ if name.startswith(("VITALSPAN_", "OTEL_"))]:
    if _name != "VITALSPAN_NO_SKIP":
        del os.environ[_name]


# Grafana's builders need Python 3.11, and no dashboard depends on the version that makes it.
collect_ignore_glob = ["test_audit.py", "test_grafana*"] if sys.version_info < (3, 11) else []


def pytest_report_header() -> str:
    """Say what is left out, and why."""
    left_out = "left out: Grafana's builders need Python 3.11" if collect_ignore_glob else "in"
    return f"tests of dashboards: {left_out}"


@pytest.fixture
def clock() -> vs.ManualClock:
    """A clock that a test moves by hand."""
    return vs.ManualClock()


@pytest.fixture
def registry() -> CollectorRegistry:
    """A registry of the test's own."""
    return CollectorRegistry()


@pytest.fixture
def monitor(clock: vs.ManualClock, registry: CollectorRegistry) -> Iterator[vs.Monitor]:
    """A monitor on the manual clock, with nothing but operations in its registry."""
    made = vs.Monitor(registry=registry, clock=clock, system_metrics=False)
    yield made
    made.close()


@pytest.fixture
def spans() -> InMemorySpanExporter:
    """Where the spans of `traced` end up."""
    return InMemorySpanExporter()


@pytest.fixture
def provider(spans: InMemorySpanExporter) -> Iterator[TracerProvider]:
    """A tracer provider that samples everything and exports into `spans`."""
    made = TracerProvider(shutdown_on_exit=False)
    made.add_span_processor(SimpleSpanProcessor(spans))
    yield made
    made.shutdown()


@pytest.fixture
def traced(
    clock: vs.ManualClock, registry: CollectorRegistry, provider: TracerProvider
) -> Iterator[vs.Monitor]:
    """A monitor like `monitor` whose calls are spans of `provider`."""
    made = vs.Monitor(
        registry=registry, clock=clock, tracer_provider=provider, system_metrics=False
    )
    yield made
    made.close()


@pytest.fixture
def sample(registry: CollectorRegistry) -> Callable[..., float | None]:
    """Read one sample of the registry: `sample("operation_errors_total", operation="f", ...)`.

    `component` is `default` unless given.
    """

    def read(name: str, **labels: str) -> float | None:
        if not name.startswith(("vitalspan_", "process_", "system_", "python_")):
            labels = {"component": "default", **labels}
        return registry.get_sample_value(name, labels)

    return read


@pytest.fixture
def run() -> Callable[[Any], Any]:
    """Run a coroutine in a loop of its own, and leave nothing behind that warns later."""

    def runner(coroutine: Any) -> Any:
        result = asyncio.run(coroutine)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            gc.collect()
        return result

    return runner
