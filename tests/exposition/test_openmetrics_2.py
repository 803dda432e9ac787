"""OpenMetrics 2.0.0, as prometheus_client writes and reads it."""

from __future__ import annotations

import inspect
from io import StringIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import text_fd_to_metric_families
from prometheus_client.registry import Collector

import vitalspan as vs
from vitalspan.exposition.collector import MonitorCollector
from vitalspan.exposition.generate import generate_latest

if "version" not in inspect.signature(openmetrics.generate_latest).parameters:
    pytest.skip("this prometheus_client has no OpenMetrics 2.0.0", allow_module_level=True)

from prometheus_client.samples import BucketSpan, Exemplar, NativeHistogram

OPENMETRICS_2 = vs.Format.OPENMETRICS_2_0_0


class Custom(Collector):
    def __init__(self, *metrics: Metric) -> None:
        self.metrics = metrics

    def collect(self) -> Any:
        return self.metrics


EXEMPLARS = st.builds(
    Exemplar,
    st.dictionaries(st.sampled_from(["trace_id", "b"]), st.text('ab"\\\n', max_size=4)),
    st.floats(0, 10),
    st.none() | st.floats(0, 1e9),
)
SPANS = st.lists(st.builds(BucketSpan, st.integers(0, 5), st.integers(1, 3)), max_size=3)


@st.composite
def native_histograms(draw: Any) -> NativeHistogram:
    positive, negative = draw(SPANS), draw(SPANS)

    def deltas(spans: list[BucketSpan]) -> list[int] | None:
        size = sum(span.length for span in spans)
        return draw(st.lists(st.integers(-5, 9), min_size=size, max_size=size)) or None

    return NativeHistogram(
        draw(st.integers(0, 99)),
        draw(st.floats(0, 9)),
        draw(st.integers(-4, 8)),
        draw(st.floats(0, 1)),
        draw(st.integers(0, 9)),
        positive or None,
        negative or None,
        deltas(positive),
        deltas(negative),
        draw(st.none() | st.lists(EXEMPLARS, max_size=2)),
    )


METRICS = ("hist", "größe.h")
NAMES = st.sampled_from(["a", "b_c", "ü"])


@st.composite
def metrics(draw: Any) -> Metric:
    metric = Metric(draw(st.sampled_from(METRICS)), draw(st.text(max_size=5)), "histogram")
    for _ in range(draw(st.integers(0, 3))):
        labels = draw(st.dictionaries(NAMES, st.text(max_size=3)))
        time = draw(st.none() | st.floats(0, 1e9))
        if draw(st.booleans()):
            native = draw(native_histograms())
            metric.add_sample(metric.name, labels, 0, time, native_histogram=native)
        else:
            exemplar = draw(st.none() | EXEMPLARS)
            metric.add_sample(f"{metric.name}_bucket", {**labels, "le": "+Inf"}, 3, time, exemplar)
            metric.add_sample(f"{metric.name}_sum", labels, 4.5, time)
    return metric


@settings(deadline=None, max_examples=100)
@given(
    st.lists(metrics(), max_size=3),
    st.sampled_from(["allow-utf-8", "underscores", "dots", "values"]),
)
def test_custom_collectors_to_the_last_byte(found: list[Metric], escaping: str) -> None:
    registry = CollectorRegistry()
    for metric in found:
        registry.register(Custom(metric))
    ours = generate_latest(registry, format=OPENMETRICS_2, escaping=escaping)
    theirs = openmetrics.generate_latest(registry, escaping=escaping, version="2.0.0")
    assert ours == theirs
    # The older version leaves native histograms out.
    ours = generate_latest(registry, format=vs.Format.OPENMETRICS_1_0_0, escaping=escaping)
    assert ours == openmetrics.generate_latest(registry, escaping=escaping)


def samples_of(text: bytes) -> dict[Any, Any]:
    """The samples of a text by name and labels: value, native histogram, exemplar."""
    samples = {}
    lines = text.decode().splitlines(keepends=True)
    if b"_bucket{" not in text:
        # The parser takes a histogram that says when it began for one with classic buckets.
        lines = [
            line for line in lines if not line.startswith("operation_duration_seconds_created")
        ]
    for family in text_fd_to_metric_families(StringIO("".join(lines))):
        for sample in family.samples:
            exemplar = sample.exemplar
            told = exemplar and (exemplar.labels, exemplar.value, float(exemplar.timestamp))
            if "_fold_" not in sample.name:
                key = sample.name, frozenset(sample.labels.items())
                samples[key] = sample.value, sample.native_histogram, told
    return samples


@pytest.mark.parametrize("classic", [True, False])
@pytest.mark.parametrize("created", [True, False])
def test_ours_as_prometheus_client_would_write_it(
    provider: TracerProvider, registry: CollectorRegistry, classic: bool, created: bool
) -> None:
    clock = vs.ManualClock()
    monitor = vs.Monitor(
        registry=registry,
        clock=clock,
        tracer_provider=provider,
        classic_histograms=classic,
        created_series=created,
        system_metrics=False,
    )
    for operation, durations in {"fast": (0.0, 0.001, 0.001, 0.3), "slow": (1, 2000)}.items():
        for duration in durations:
            with monitor.operation(operation):
                clock.advance(duration)

    metrics = MonitorCollector(monitor._families).metrics(native=True)
    theirs = openmetrics.generate_latest(Custom(*metrics), version="2.0.0")
    ours = monitor.generate_latest(OPENMETRICS_2)
    assert samples_of(ours) == samples_of(theirs)
    assert ("operation_duration_seconds_bucket" in ours.decode()) == classic
    assert ("operation_duration_seconds_created" in ours.decode()) == created
    if not classic and not created:
        fast, slow = (
            samples_of(ours)[
                "operation_duration_seconds",
                frozenset({("component", "default"), ("operation", operation)}),
            ][1]
            for operation in ("fast", "slow")
        )
        assert (fast.count_value, fast.zero_count, slow.count_value) == (4, 1, 2)
        assert slow.sum_value == pytest.approx(2001)
    only = generate_latest(registry, format=OPENMETRICS_2, names=["operation_duration_seconds"])
    assert only.count(b"\noperation_duration_seconds{") == 2
    assert b"_bucket" not in only
    monitor.close()


def test_nothing_native_where_it_is_turned_off(registry: CollectorRegistry) -> None:
    monitor = vs.Monitor(registry=registry, native_histograms=False)
    with monitor.operation("f"):
        pass
    text = monitor.generate_latest(OPENMETRICS_2)
    assert b"schema" not in text
    assert b"operation_duration_seconds_bucket" in text
    monitor.close()
