"""What a registry held is what its receiver gets, from the call to the data point."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Enum,
    Gauge,
    Histogram,
    Info,
    Summary,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

import vitalspan as vs
from support.everything import Broken, do_everything
from support.otlp_decode import NOW, decoded, of_registry
from support.otlp_metrics import metrics_of, texts
from vitalspan.bridge.otlp.registry_source import RegistrySource

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def key(name: str, labels: dict[str, str]) -> tuple[str, frozenset[tuple[str, str]]]:
    """A sample's name and labels; boundaries are numbers, however they are written."""
    written = {
        name: repr(float(value)) if name in ("le", "quantile") else value
        for name, value in labels.items()
    }
    return name, frozenset(written.items())


def samples_of(registry: Any) -> Samples:
    """The samples of a registry."""
    return {
        key(sample.name, sample.labels): float(sample.value)
        for metric in registry.collect()
        for sample in metric.samples
        if not sample.name.endswith("_created") and metric.type != "gaugehistogram"
    }


def samples_in(request: Any) -> Samples:
    """The samples that Prometheus would have had, from what a receiver got."""
    found: Samples = {}
    for metric in metrics_of(request):
        kind = metric.WhichOneof("data")
        for point in getattr(metric, kind).data_points:
            labels, name = texts(point.attributes), metric.name
            if kind in ("gauge", "sum"):
                found[key(name, labels)] = point.as_double
                continue
            found[key(f"{name}_count", labels)] = float(point.count)
            if kind == "summary" or point.HasField("sum"):
                found[key(f"{name}_sum", labels)] = point.sum
            if kind == "summary":
                for one in point.quantile_values:
                    found[key(name, {**labels, "quantile": str(one.quantile)})] = one.value
                continue
            below = 0
            bounds = [*point.explicit_bounds, float("inf")]
            for bound, count in zip(bounds, point.bucket_counts, strict=True):
                below += count
                found[key(f"{name}_bucket", {**labels, "le": str(bound)})] = float(below)
    return found


def test_everything_of_a_monitor_arrives(
    monitor: vs.Monitor, registry: CollectorRegistry, clock: vs.ManualClock
) -> None:
    do_everything(monitor, clock)
    [broken] = [one for one in registry._collector_to_names if isinstance(one, Broken)]
    registry.unregister(broken)
    request = of_registry(registry)
    wanted = samples_of(registry)
    changing = {"vitalspan_fold_seconds_count", "vitalspan_fold_seconds_sum"}
    sent = samples_in(request)
    assert {one for one in sent if one[0] not in changing} == {
        one for one in wanted if one[0] not in changing
    }
    assert {one: value for one, value in sent.items() if one[0] not in changing} == {
        one: value for one, value in wanted.items() if one[0] not in changing
    }


def test_every_kind_of_prometheus_client_arrives(registry: CollectorRegistry) -> None:
    Counter("orders", "help", ["kind"], registry=registry).labels("new").inc(3)
    Gauge("rooms", "help", registry=registry).set(-2.5)
    Summary("wait", "help", registry=registry).observe(4)
    histogram = Histogram("size", "help", ["kind"], registry=registry, buckets=(1, 5))
    for value in (0.5, 1, 4, 50):
        histogram.labels("new").observe(value)
    Info("build", "help", registry=registry).info({"version": "1"})
    Enum("state", "help", states=["on", "off"], registry=registry).state("off")
    request = of_registry(registry)
    assert samples_in(request) == samples_of(registry)
    for metric in metrics_of(request):
        if metric.name in ("orders_total", "wait", "size"):
            data = getattr(metric, metric.WhichOneof("data"))
            assert data.data_points[0].start_time_unix_nano > 0


def test_durations_as_exponential_histograms(
    monitor: vs.Monitor, registry: CollectorRegistry, clock: vs.ManualClock
) -> None:
    for seconds in (0.0, 0.001, 0.3, 0.3, 7.0):
        with monitor.operation("work"):
            clock.advance(seconds)
    [classic] = [
        metric
        for metric in metrics_of(of_registry(registry))
        if metric.WhichOneof("data") == "histogram"
    ]
    [found] = [
        metric
        for metric in metrics_of(of_registry(registry, exponential=True))
        if metric.name == classic.name
    ]
    [point], [wanted] = found.exponential_histogram.data_points, classic.histogram.data_points
    assert (point.scale, point.count, point.zero_count) == (3, 5, 1)
    assert point.sum == wanted.sum
    assert point.start_time_unix_nano == wanted.start_time_unix_nano
    # Each duration is in the bucket (2^(i/8), 2^((i+1)/8)].
    for seconds, count in ((0.001, 1), (0.3, 2), (7.0, 1)):
        [index] = [
            index
            for index in range(point.positive.offset, point.positive.offset + 400)
            if 2 ** (index / 8) < seconds <= 2 ** ((index + 1) / 8)
        ]
        assert point.positive.bucket_counts[index - point.positive.offset] == count


def test_calls_are_counted_since_their_series_began(
    monitor: vs.Monitor, registry: CollectorRegistry, clock: vs.ManualClock
) -> None:
    clock.advance(100)
    began = clock.wall()
    with monitor.operation("work"):
        clock.advance(5)
    for metric in metrics_of(of_registry(registry)):
        if metric.name == "operation_duration_seconds":
            [point] = metric.histogram.data_points
            start = point.start_time_unix_nano / 1e9
            assert began - 100 <= start <= began


def test_exemplars_of_durations(traced: vs.Monitor, registry: CollectorRegistry) -> None:
    with traced.operation("work"):
        pass
    trace_id = traced.recent_calls()[-1].trace_id
    for exponential in (False, True):
        [metric] = [
            metric
            for metric in metrics_of(of_registry(registry, exponential=exponential))
            if metric.name == "operation_duration_seconds"
        ]
        [point] = getattr(metric, metric.WhichOneof("data")).data_points
        [exemplar] = point.exemplars
        assert exemplar.trace_id.hex() == trace_id
        assert len(exemplar.span_id) == 8


UTF_8 = hasattr(openmetrics, "escape_metric_name")
names = st.sampled_from(["a", "b_seconds", *(["c.d", "größe"] if UTF_8 else [])])
label_sets = st.dictionaries(st.sampled_from(["x", "y"]), st.text(max_size=3), max_size=2)
numbers = st.floats(allow_nan=False)
amounts = st.integers(0, 2**53)


@st.composite
def any_metric(draw: st.DrawFn) -> Metric:
    """A metric of any kind with any labels and values."""
    kind = draw(
        st.sampled_from(["counter", "gauge", "unknown", "stateset", "histogram", "summary"])
    )
    name = draw(names)
    many = draw(
        st.lists(label_sets, min_size=1, max_size=3, unique_by=lambda one: tuple(one.items()))
    )
    metric = Metric(name, draw(st.text(max_size=3)), kind)
    for labels in many:
        if kind == "histogram":
            bounds = sorted(set(draw(st.lists(st.floats(-10, 10), max_size=4))))
            counts = sorted(draw(st.tuples(*[amounts] * (len(bounds) + 1))))
            for bound, count in zip([*bounds, float("inf")], counts, strict=True):
                metric.add_sample(f"{name}_bucket", {**labels, "le": str(bound)}, count)
            metric.add_sample(f"{name}_count", labels, counts[-1])
            if draw(st.booleans()):
                metric.add_sample(f"{name}_sum", labels, draw(numbers))
        elif kind == "summary":
            for quantile in draw(st.sets(st.sampled_from([0.0, 0.5, 0.9, 1.0]))):
                metric.add_sample(name, {**labels, "quantile": str(quantile)}, draw(numbers))
            metric.add_sample(f"{name}_count", labels, draw(amounts))
            metric.add_sample(f"{name}_sum", labels, draw(numbers))
        else:
            suffix = "_total" if kind == "counter" else ""
            metric.add_sample(f"{name}{suffix}", labels, draw(numbers))
    return metric


class Fixed(Collector):
    def __init__(self, *metrics: Metric) -> None:
        self.metrics = metrics

    def collect(self) -> Any:
        return self.metrics


@settings(max_examples=30)
@given(any_metric())
def test_any_metric_arrives(metric: Metric) -> None:
    assert samples_in(of_registry(Fixed(metric))) == samples_of(Fixed(metric))


class TestResource:
    def resource(self, registry: CollectorRegistry) -> dict[str, str]:
        Gauge("rooms", "help", registry=registry)
        return texts(of_registry(registry).resource_metrics[0].resource.attributes)

    def test_by_default(self, registry: CollectorRegistry) -> None:
        found = self.resource(registry)
        assert found.keys() == {"service.name", "service.instance.id"}
        assert found["service.name"] == "unknown_service"

    def test_the_instance_stays_the_same(self, registry: CollectorRegistry) -> None:
        found = self.resource(registry)
        again = of_registry(registry).resource_metrics[0].resource.attributes
        assert texts(again) == found

    def test_the_variables_go_before_target_info(
        self, registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.version=7,service.instance.id=i")
        registry.set_target_info({"service.version": "6", "service_name": "x", "region": "eu"})
        assert self.resource(registry) == {
            "service.name": "shop",
            "service.instance.id": "i",
            "service.version": "7",
            "service_name": "x",
            "region": "eu",
        }

    def test_target_info_is_no_metric(self, registry: CollectorRegistry) -> None:
        registry.set_target_info({"region": "eu"})
        Gauge("rooms", "help", registry=registry)
        assert [metric.name for metric in metrics_of(of_registry(registry))] == ["rooms"]


def test_a_metric_with_strange_values_leaves_out_itself_alone(
    registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    strange = Metric("strange", "help", "gauge")
    strange.add_sample("strange", {}, 1, timestamp=1_700_000_000_000)
    rooms = GaugeMetricFamily("rooms", "help", 3)

    class Several(Collector):
        def collect(self) -> Any:
            return [strange, rooms]

    registry.register(Several())
    source = RegistrySource(registry)
    for _ in range(2):
        reading = source.read(NOW)
        request = decoded(reading.batch)
        assert [metric.name for metric in metrics_of(request)] == ["rooms"]
        assert reading.left_out == 1
    [record] = caplog.records
    assert "Several has a metric that cannot be exported" in record.getMessage()


class FromOpenTelemetry(Fixed):
    from_opentelemetry = True


def test_what_came_from_opentelemetry_is_not_pushed_back(registry: CollectorRegistry) -> None:
    registry.register(FromOpenTelemetry(GaugeMetricFamily("theirs", "help", 1)))
    official = type("Official", (Fixed,), {"__module__": "opentelemetry.exporter.prometheus"})
    registry.register(official(GaugeMetricFamily("official", "help", 1)))
    Gauge("ours", "help", registry=registry)
    assert [metric.name for metric in metrics_of(of_registry(registry))] == ["ours"]


def test_attributes_are_remembered_only_while_they_are_there(
    monitor: vs.Monitor, registry: CollectorRegistry
) -> None:
    with monitor.operation("work"):
        pass
    source = RegistrySource(registry)
    first = decoded(source.read(NOW).batch)
    assert decoded(source.read(NOW).batch).ByteSize() > 0
    monitor.forget("work")
    source.read(NOW)
    source.read(NOW)
    assert not [text for text in source._attributes._before if 'operation="work"' in text]
    assert first.ByteSize() > 0
