"""What the official exporter does with the same instruments: ours does the same, or better."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import prometheus_client
import pytest
from opentelemetry.exporter.prometheus import PrometheusMetricReader as OfficialReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CollectorRegistry

import vitalspan as vs
from support.otel_instruments import needs_exemplars, set_gauge
from vitalspan.exposition.generate import generate_latest


class Both:
    """One meter provider that is read by both readers."""

    def __init__(self, views: Any = ()) -> None:
        self.ours, self.theirs = CollectorRegistry(), CollectorRegistry()
        reader = vs.PrometheusMetricReader(registry=self.ours)
        official = OfficialReader()
        prometheus_client.REGISTRY.unregister(official._collector)
        self.theirs.register(official._collector)
        resource = Resource({"service.name": "shop"})
        self.provider = MeterProvider(
            [reader, official], resource, shutdown_on_exit=False, views=views
        )
        self.meter = self.provider.get_meter("lib", "1.0")

    def texts(self) -> tuple[str, str]:
        """The metrics as both show them."""
        return (
            generate_latest(self.ours).decode(),
            prometheus_client.generate_latest(self.theirs).decode(),
        )


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """The samples of a text; labels without a value are none to Prometheus."""
    from prometheus_client.parser import text_string_to_metric_families

    return {
        (sample.name, frozenset(pair for pair in sample.labels.items() if pair[1])): sample.value
        for metric in text_string_to_metric_families(text)
        for sample in metric.samples
    }


@pytest.fixture
def both() -> Iterator[Callable[..., Both]]:
    made: list[Both] = []

    def make(**options: Any) -> Both:
        made.append(Both(**options))
        return made[-1]

    yield make
    for one in made:
        # The official one does not find itself in the default registry any more.
        with contextlib.suppress(Exception):
            one.provider.shutdown()


@pytest.mark.skipif(
    "scope_info_enabled" not in inspect.signature(OfficialReader).parameters,
    reason="this official exporter has no labels of scopes",
)
def test_plain_instruments_are_the_same(both: Callable[..., Both]) -> None:
    made = both()
    made.meter.create_counter("orders.size", "By", "help").add(5, {"tier": "gold"})
    made.meter.create_up_down_counter("rooms").add(-2)
    set_gauge(made.meter, ("temperature", "Cel"), 21.5)
    made.meter.create_histogram("wait", "s").record(7, {"n": 3, "b": True})
    ours, theirs = map(samples, made.texts())
    assert ours == theirs


def test_an_exponential_histogram_does_not_fail_the_scrape(both: Callable[..., Both]) -> None:
    view = View(instrument_name="wait", aggregation=ExponentialBucketHistogramAggregation())
    made = both(views=[view])
    made.meter.create_histogram("wait").record(3)
    set_gauge(made.meter, ("rooms",), 1)
    text = generate_latest(made.ours).decode()
    assert "wait_count" in text
    assert "rooms" in text


@needs_exemplars
def test_exemplars_are_shown(both: Callable[..., Both]) -> None:
    made = both()
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("t")
    with tracer.start_as_current_span("s"):
        made.meter.create_counter("orders").add(1)
    assert "trace_id" in generate_latest(made.ours, format=vs.Format.OPENMETRICS_1_0_0).decode()


def test_colliding_keys_lose_no_value(both: Callable[..., Both]) -> None:
    made = both()
    set_gauge(made.meter, ("rooms",), 1, {"a.b": "1", "a_b": "2"})
    ours, _ = made.texts()
    assert 'a_b="1;2"' in ours


def test_metadata_is_written_once(both: Callable[..., Both]) -> None:
    made = both()
    for meter, text in (("one", "of one"), ("two", "of two")):
        set_gauge(made.provider.get_meter(meter), ("rooms", "", text), 1)
    ours, _ = made.texts()
    assert ours.count("# TYPE rooms gauge") == ours.count("# HELP rooms") == 1
    assert ours.count("\nrooms{") == 2
