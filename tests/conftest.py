"""Fixtures that every test may ask for."""

from __future__ import annotations

import asyncio
import gc
import os
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies
from opentelemetry import context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

import vitalspan as vs

for _name in [name for name in os.environ if name.startswith(("VITALSPAN_", "OTEL_"))]:
    if _name not in (
        "VITALSPAN_NO_SKIP",
        "VITALSPAN_PROMQLTEST",
        "VITALSPAN_ALERTS",
        "VITALSPAN_LONG",
    ):
        del os.environ[_name]

# What a property test says must not depend on how fast the machine is.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
# What depends on other libraries shows in a few examples; `make test` tries them all.
settings.register_profile("few_examples", settings.get_profile("any machine"), max_examples=20)
settings.load_profile("any machine")


def pytest_collection_finish() -> None:
    """Spare every `gc.collect()` of a test the objects of all modules that were collected."""
    # On first use, hypothesis looks for what refers to its random numbers, and must find it.
    _one_example()
    gc.collect()
    gc.freeze()


@given(strategies.none())
def _one_example(_: None) -> None: ...


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what tests have to say in figures, recorded as the property `summary`."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, text in getattr(report, "user_properties", ()):
                if name == "summary" and report.when == "call":
                    terminalreporter.write_line(text)


@pytest.fixture(autouse=True)
def _no_current_span() -> Iterator[None]:
    """An empty context for each test: another may have left a call in progress, with its span."""
    token = context.attach(context.Context())
    yield
    context.detach(token)


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
