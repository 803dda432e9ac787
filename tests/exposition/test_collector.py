from __future__ import annotations

from collections.abc import Callable

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import Metric

import vitalspan as vs
from vitalspan import metrics as names
from vitalspan.exposition.collector import MonitorCollector
from vitalspan.exposition.generate import generate_latest


def collector_of(monitor: vs.Monitor) -> MonitorCollector:
    (collector,) = monitor._registration._collectors
    assert isinstance(collector, MonitorCollector)
    return collector


def collected(monitor: vs.Monitor) -> dict[str, Metric]:
    return {metric.name: metric for metric in collector_of(monitor).collect()}


def test_families_without_samples_are_absent(monitor: vs.Monitor) -> None:
    assert set(collected(monitor)) == {
        "vitalspan_internal_errors",
        "vitalspan_series",
        "vitalspan_series_overflows",
        "vitalspan_fold_seconds",
        "vitalspan_build",
    }


def test_a_defined_operation_shows_zeros(
    monitor: vs.Monitor, sample: Callable[..., float | None]
) -> None:
    @monitor.operation("f", labels={"tier": "gold"})
    def f() -> None:
        pass

    labels = {"operation": "f", "tier": "gold"}
    for name in ("duration_seconds_count", "duration_seconds_sum", "cancellations_total"):
        assert sample(f"operation_{name}", **labels) == 0
    assert sample("operation_duration_seconds_bucket", le="+Inf", **labels) == 0
    assert sample("operation_in_progress", **labels) == 0
    assert sample("operation_oldest_in_progress_seconds", **labels) == 0


def test_every_boundary_is_a_bucket_that_contains_it(
    monitor: vs.Monitor, clock: vs.ManualClock
) -> None:
    start = vs.ManualClock(start=0.0)
    registry = CollectorRegistry()
    exact = vs.Monitor(registry=registry, clock=start, system_metrics=False)
    for bound in names.DURATION_BOUNDARIES:
        with exact.operation(f"op {bound}"):
            start.advance(bound)
        # The clock adds up; only from zero is the difference of two readings exact.
        start._now = 0.0
    for bound in names.DURATION_BOUNDARIES:
        metric = collected(exact)["operation_duration_seconds"]
        counts = {
            float(s.labels["le"]): s.value
            for s in metric.samples
            if s.labels["operation"] == f"op {bound}" and "le" in s.labels
        }
        assert counts == {
            le: float(le >= bound) for le in (*names.DURATION_BOUNDARIES, float("inf"))
        }
    exact.close()


def test_in_progress_and_oldest(
    monitor: vs.Monitor, clock: vs.ManualClock, sample: Callable[..., float | None]
) -> None:
    with monitor.operation("f"):
        clock.advance(3)
        with monitor.operation("f"):
            clock.advance(4)
            assert sample("operation_in_progress", operation="f") == 2
            assert sample("operation_oldest_in_progress_seconds", operation="f") == 7
        assert sample("operation_in_progress", operation="f") == 1
        assert sample("operation_oldest_in_progress_seconds", operation="f") == 7
    assert sample("operation_oldest_in_progress_seconds", operation="f") == 0


def test_exemplars_are_the_latest_of_each_bucket(
    traced: vs.Monitor, clock: vs.ManualClock, spans: InMemorySpanExporter
) -> None:
    for seconds in (0.3, 0.4, 2.0):
        with traced.operation("f"):
            clock.advance(seconds)
    exemplars = {
        s.labels["le"]: s.exemplar
        for s in collected(traced)["operation_duration_seconds"].samples
        if s.exemplar is not None
    }
    assert set(exemplars) == {"0.5", "2.5"}
    _, second, third = spans.get_finished_spans()
    for exemplar, span, seconds, end in (
        (exemplars["0.5"], second, 0.4, 0.7),
        (exemplars["2.5"], third, 2.0, 2.7),
    ):
        context = span.get_span_context()
        assert context is not None
        assert exemplar.labels == {
            "trace_id": f"{context.trace_id:032x}",
            "span_id": f"{context.span_id:016x}",
        }
        assert exemplar.value == pytest.approx(seconds)
        assert exemplar.timestamp == pytest.approx(1_700_000_000 + end, abs=0.001)


def test_names_are_taken_from_the_start(monitor: vs.Monitor, registry: CollectorRegistry) -> None:
    for name in ("operation_duration_seconds", "api_calls_total", "vitalspan_series"):
        with pytest.raises(ValueError, match="Duplicated"):
            Gauge(name, "Mine.", registry=registry)
    with pytest.raises(vs.ConfigurationError, match=r"has \w+, \w+, \w+ and \d+ more names,"):
        vs.Monitor(registry=registry, system_metrics=False)


def test_a_metric_that_is_there_already_is_named() -> None:
    registry = CollectorRegistry()
    Gauge("api_calls_total", "Mine.", registry=registry)
    with pytest.raises(vs.ConfigurationError, match="already has api_calls_total, which"):
        vs.Monitor(registry=registry, system_metrics=False)


def test_close_takes_everything_out(monitor: vs.Monitor, registry: CollectorRegistry) -> None:
    with monitor.operation("f"):
        pass
    monitor.close()
    assert generate_latest(registry) == b""
    monitor.close()


@pytest.mark.parametrize("prefix", ["shop_", "a_b_"])
def test_changing_the_prefix(monitor: vs.Monitor, registry: CollectorRegistry, prefix: str) -> None:
    with monitor.operation("f") as call:
        call.add("items")
    before = generate_latest(registry).decode()
    monitor.configure(metric_prefix=prefix)
    after = generate_latest(registry).decode()
    lines = [line for line in before.splitlines() if not line.startswith("#")]
    expected = [prefix + line for line in lines]
    assert [line for line in after.splitlines() if not line.startswith("#")] == expected
    Gauge("operation_duration_seconds", "The name is free again.", registry=registry)


def test_overflow(registry: CollectorRegistry, caplog: pytest.LogCaptureFixture) -> None:
    monitor = vs.Monitor(registry=registry, max_series=2, system_metrics=False)
    for number in range(5):
        with monitor.operation(f"op{number}"):
            pass
    labels = {"component": "_overflow", "operation": "_overflow"}
    assert registry.get_sample_value("operation_duration_seconds_count", labels) == 3
    assert registry.get_sample_value("vitalspan_series") == 3
    assert registry.get_sample_value("vitalspan_series_overflows_total") == 3
    assert len(caplog.records) == 1
    monitor.close()


def test_reset_begins_anew(
    traced: vs.Monitor, clock: vs.ManualClock, registry: CollectorRegistry
) -> None:
    traced.cache("c").hit()
    traced.api("a").record(tokens=3, cost=0.5)
    with traced.operation("f") as call:
        call.add("items", 3)
        clock.advance(1)
    traced.reset()
    text = generate_latest(registry).decode()
    values = {
        float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if not line.startswith(("#", "vitalspan_series ", "vitalspan_build_info"))
    }
    assert values == {0.0}


def test_a_component_that_cannot_be_encoded(
    monitor: vs.Monitor, registry: CollectorRegistry
) -> None:
    monitor.configure(component="\ud800")
    monitor.cache("c").hit()
    with monitor.operation("f"):
        pass
    assert b"vitalspan_build_info" in generate_latest(registry)
