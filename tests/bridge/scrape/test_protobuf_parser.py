"""Prometheus's protobuf format, read back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary

import vitalspan as vs
from support.client_model import MetricFamily
from support.histories import STEPS, performed
from support.otlp_metrics import MetricsReceiver, run_http_metrics_receiver
from vitalspan.bridge.otlp.model import OWN_SCOPE, ExponentialPoint, Kind, NumberPoint
from vitalspan.bridge.otlp.registry_source import RegistrySource
from vitalspan.bridge.scrape.protobuf_parser import parse_families
from vitalspan.bridge.scrape.scrape_target import batch_of
from vitalspan.cli.main import main
from vitalspan.exposition.generate import generate_latest

TIME = 1_700_000_000_000_000_000

IN_TEXT_ALONE = frozenset({"info", "stateset"})
"""Types that this format has as gauges."""


def delimited(*families: Any) -> bytes:
    data = b""
    for family in families:
        content = family.SerializeToString()
        length = len(content)
        while length > 0x7F:
            data += bytes([length & 0x7F | 0x80])
            length >>= 7
        data += bytes([length]) + content
    return data


def points_of(family: Any) -> dict[str, list[Any]]:
    """The data points of a family by the name of the metric, and what was left out."""
    builder = batch_of(parse_families(delimited(family)), TIME)
    found = {
        about.name: points for metrics in builder.batch().values() for about, points in metrics
    }
    return {**found, "left out": [builder.left_out]}


def in_order(point: Any) -> Any:
    """A point with its exemplars by value, and without times that the process has as floats."""
    point = point._replace(start=0)
    if not getattr(point, "exemplars", ()):
        return point
    return point._replace(exemplars=sorted(one._replace(time=0) for one in point.exemplars))


def flat(batch: Any) -> dict[Any, Any]:
    return {
        (scope, about): [in_order(point) for point in points]
        for scope, metrics in batch.items()
        for about, points in metrics
        if about.type not in IN_TEXT_ALONE
    }


@settings(deadline=None, max_examples=20)
@given(steps=st.lists(STEPS, max_size=10))
def test_what_is_scraped_is_what_the_process_would_have_pushed(steps: list[Any]) -> None:
    with performed(steps, prefix="", traced=True) as registry:
        Gauge("rooms", "Rooms.", registry=registry).set(-1)
        pushed = RegistrySource(registry, exponential=True).read(TIME)
        data = generate_latest(registry, format=vs.Format.PROTOBUF)
    scraped = batch_of(parse_families(data), TIME)
    assert bool(scraped.left_out) == bool(pushed.left_out)
    found, wanted = flat(scraped.batch()), flat(pushed.batch)
    # What vitalspan says of itself depends on the time of the reading.
    same = [about for about in wanted if not about[1].name.startswith("vitalspan_")]
    for about in same:
        assert found[about] == wanted[about]


def test_every_part_of_a_native_histogram() -> None:
    family = MetricFamily(name="size", help="Sizes.", type=4, unit="bytes")
    metric = family.metric.add(timestamp_ms=1_600_000_000_123)
    metric.label.add(name="kind", value="ä")
    histogram = metric.histogram
    histogram.sample_count, histogram.sample_sum = 17, -2.5
    histogram.schema, histogram.zero_threshold, histogram.zero_count = -2, 0.5, 3
    histogram.positive_span.add(offset=-1, length=2)
    histogram.positive_span.add(offset=1, length=1)
    histogram.positive_delta.extend([4, -1, 3])
    histogram.negative_span.add(offset=2, length=1)
    histogram.negative_delta.append(1)
    histogram.created_timestamp.seconds = 1_500_000_000
    exemplar = histogram.exemplars.add(value=7)
    exemplar.label.add(name="trace_id", value="0af7651916cd43dd8448eb211c80319c")
    exemplar.timestamp.seconds = 1_550_000_000
    # Without a time there is no telling when it was.
    histogram.exemplars.add(value=8)
    bucket = histogram.bucket.add(cumulative_count=17, upper_bound=1.0)
    bucket.exemplar.value = 9
    (point,) = points_of(family)["size"]
    assert point == ExponentialPoint(
        (("kind", "ä"),),
        1_500_000_000_000_000_000,
        1_600_000_000_123_000_000,
        observations=17,
        total=-2.5,
        scale=-2,
        zero_threshold=0.5,
        zero_count=3,
        positive=point.positive._replace(offset=-2, counts=(4, 3, 0, 6)),
        negative=point.negative._replace(offset=1, counts=(1,)),
        exemplars=point.exemplars,
    )
    (shown,) = point.exemplars
    assert (shown.value, shown.time) == (7, 1_550_000_000_000_000_000)
    assert shown.trace_id == bytes.fromhex("0af7651916cd43dd8448eb211c80319c")


def test_an_empty_native_histogram_is_no_classic_one() -> None:
    family = MetricFamily(name="size", type=4)
    histogram = family.metric.add().histogram
    histogram.sample_count, histogram.sample_sum, histogram.schema = 0, 0, 3
    histogram.positive_span.add(offset=0, length=0)
    (point,) = points_of(family)["size"]
    assert isinstance(point, ExponentialPoint)
    assert (point.observations, point.scale) == (0, 3)


def test_histograms_of_floats_and_of_gauges_are_left_out() -> None:
    floats = MetricFamily(name="size", type=4)
    histogram = floats.metric.add().histogram
    histogram.sample_count_float, histogram.zero_count_float = 3, 3
    gauges = MetricFamily(name="size", type=5)
    gauges.metric.add().histogram.sample_count = 3
    for family in (floats, gauges):
        assert points_of(family) == {"left out": [1]}


def test_counters_have_the_names_that_were_sent_and_their_start() -> None:
    family = MetricFamily(name="requests", type=0)
    counter = family.metric.add().counter
    counter.value = 3
    counter.created_timestamp.seconds = 5
    counter.created_timestamp.nanos = 7
    assert points_of(family)["requests"] == [NumberPoint((), 5_000_000_007, TIME, 3.0)]


def test_the_labels_of_target_info_are_about_the_resource() -> None:
    family = MetricFamily(name="target_info", type=1)
    metric = family.metric.add()
    metric.label.add(name="service_version", value="7")
    metric.gauge.value = 1
    builder = batch_of(parse_families(delimited(family)), TIME)
    assert builder.batch() == {}
    assert builder.resource == {"service_version": "7"}


@given(data=st.binary(max_size=60))
def test_what_is_no_exposition_is_one_error(data: bytes) -> None:
    try:
        builder = batch_of(parse_families(data), TIME)
    except ValueError:
        return
    assert builder.batch() is not None


@pytest.fixture
def receiver() -> Any:
    with run_http_metrics_receiver() as running:
        yield running


def test_durations_arrive_as_exponential_histograms(
    receiver: MetricsReceiver, registry: CollectorRegistry, monitor: vs.Monitor, clock: Any
) -> None:
    with monitor.operation("checkout"):
        clock.advance(0.2)
    with vs.start_http_server(port=0, registry=registry) as server:
        address = f"{server.url}"
        assert main(["bridge", "--once", "--otlp", receiver.endpoint, "--scrape", address]) == 0
    (metric,) = (one for one in receiver.metrics() if one.name == "operation_duration_seconds")
    assert metric.WhichOneof("data") == "exponential_histogram"
    (point,) = metric.exponential_histogram.data_points
    assert (point.count, point.sum, point.scale) == (1, pytest.approx(0.2), 3)
    assert point.start_time_unix_nano > 0
    assert metric.unit == "s"


def test_metrics_of_the_client(registry: CollectorRegistry) -> None:
    Counter("orders", "Orders.", ["kind"], registry=registry).labels("new").inc(2.5)
    Summary("size", "Sizes.", registry=registry).observe(3)
    Histogram("length", "Lengths.", registry=registry, buckets=(1, 5)).observe(3)
    data = generate_latest(registry, format=vs.Format.PROTOBUF)
    metrics = batch_of(parse_families(data), TIME).batch()[OWN_SCOPE]
    found: dict[str, Any] = {about.name: (about.kind, point) for about, (point,) in metrics}
    kind, orders = found["orders_total"]
    assert (kind, orders.attributes, orders.value) == (Kind.COUNTER, (("kind", "new"),), 2.5)
    kind, size = found["size"]
    assert (kind, size.observations, size.total) == (Kind.SUMMARY, 1, 3)
    kind, length = found["length"]
    assert (kind, length.boundaries, length.counts) == (Kind.HISTOGRAM, (1, 5), (0, 1, 0))
    assert min(orders.start, size.start, length.start) > TIME
