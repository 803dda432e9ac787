"""The tables of OpenTelemetry's compatibility document, "OTLP Metric points to Prometheus"."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics import Counter as SdkCounter
from opentelemetry.sdk.metrics import Histogram as SdkHistogram
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, MetricsData
from opentelemetry.sdk.metrics.view import (
    DropAggregation,
    ExplicitBucketHistogramAggregation,
    ExponentialBucketHistogramAggregation,
    LastValueAggregation,
    View,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_families
from prometheus_client.parser import text_string_to_metric_families as plain_families

import vitalspan as vs
from support.otel_instruments import (
    needs_exemplars,
    needs_scope_attributes,
    needs_utf8_names,
    set_gauge,
)
from vitalspan.bridge.otel_families import OtelFamilies
from vitalspan.bridge.otel_names import TranslationStrategy, attribute_text, metric_name, to_labels
from vitalspan.bridge.otlp.registry_source import RegistrySource
from vitalspan.bridge.ucum import UCUM_BY_WORD
from vitalspan.exposition.families import HistogramFamily
from vitalspan.exposition.generate import generate_latest

ESCAPING = TranslationStrategy.UNDERSCORE_ESCAPING_WITH_SUFFIXES


class Instruments:
    """A meter provider that is read into a registry."""

    def __init__(
        self, registry: CollectorRegistry, views: Any, resource: Any, options: Any
    ) -> None:
        self.registry = registry
        self.reader = vs.PrometheusMetricReader(registry=registry, **options)
        self.provider = MeterProvider(
            [self.reader], Resource(resource), shutdown_on_exit=False, views=views
        )
        self.meter = self.provider.get_meter("lib", "1.0")

    def text(self, escaping: str = "underscores", **options: Any) -> str:
        return generate_latest(self.registry, escaping=escaping, **options).decode()

    def metrics(self) -> dict[str, Metric]:
        """The metrics by name, as OpenMetrics says them."""
        text = self.text(format=vs.Format.OPENMETRICS_1_0_0)
        found = list(open_families(text))
        assert len({metric.name for metric in found}) == len(found)
        return {metric.name: metric for metric in found}

    def samples(self) -> dict[str, float]:
        """The samples of the plain text by name and labels, those of the scope left out."""
        return {
            line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
            for line in self.text().splitlines()
            if line and not line.startswith("#")
        }


@pytest.fixture
def instruments(registry: CollectorRegistry) -> Iterator[Callable[..., Instruments]]:
    """Make a meter provider; options are those of the reader."""
    made: list[Instruments] = []

    def make(views: Any = (), resource: Any = None, **options: Any) -> Instruments:
        if "scope_info_enabled" not in options:
            options["scope_info_enabled"] = False
        made.append(Instruments(registry, views, resource or {}, options))
        return made[-1]

    yield make
    for one in made:
        one.provider.shutdown()


class TestNames:
    @pytest.mark.parametrize(
        ("name", "wanted"),
        [
            ("http.server.duration", "http_server_duration"),
            ("a-b/c", "a_b_c"),
            ("a..b", "a_b"),
            ("a__b", "a_b"),
            ("rule:one", "rule:one"),
            ("größe", "gr_e"),
            ("1st", "_1st"),
        ],
    )
    def test_characters(self, name: str, wanted: str) -> None:
        assert metric_name(name, "", ESCAPING, counter=False, gauge=True).name == wanted

    @pytest.mark.parametrize(("word", "symbol"), UCUM_BY_WORD.items())
    def test_units_are_words(self, word: str, symbol: str) -> None:
        found = metric_name("m", symbol, ESCAPING, counter=False, gauge=True)
        assert found == (f"m_{word}", word)

    @pytest.mark.parametrize(
        ("unit", "wanted"),
        [
            ("m/s", "m_meters_per_second"),
            ("By/min", "m_bytes_per_minute"),
            ("{packet}", "m"),
            ("{packet}/s", "m_per_second"),
            ("1/s", "m_per_second"),
            ("", "m"),
            ("parsec", "m_parsec"),
            ("1", "m_ratio"),
            ("1/{x}", "m"),
        ],
    )
    def test_other_units(self, unit: str, wanted: str) -> None:
        name = metric_name("m", unit, ESCAPING, counter=False, gauge=True).name
        assert name == wanted

    @pytest.mark.parametrize(
        ("name", "unit", "wanted"),
        [
            ("foo.bar", "By", "foo_bar_bytes_total"),
            ("foo.bytes", "By", "foo_bytes_total"),
            ("foo.bytes_total", "By", "foo_bytes_total"),
            ("foo_total", "", "foo_total"),
            ("total", "", "total_total"),
            ("foo", "1", "foo_total"),
            ("megabytes", "By", "megabytes_bytes_total"),
            ("seconds", "s", "seconds_total"),
        ],
    )
    def test_suffixes_of_counters(self, name: str, unit: str, wanted: str) -> None:
        assert metric_name(name, unit, ESCAPING, counter=True, gauge=False).name == wanted

    @pytest.mark.parametrize(
        ("strategy", "escaping", "wanted"),
        [
            ("UnderscoreEscapingWithSuffixes", "underscores", "foo_bar_bytes_total"),
            ("UnderscoreEscapingWithSuffixes", "allow-utf-8", "foo_bar_bytes_total"),
            ("UnderscoreEscapingWithoutSuffixes", "underscores", "foo_bar"),
            ("UnderscoreEscapingWithoutSuffixes", "allow-utf-8", "foo_bar"),
            ("NoUTF8EscapingWithSuffixes", "underscores", "foo_bar_bytes_total"),
            ("NoUTF8EscapingWithSuffixes", "allow-utf-8", '"foo.bar_bytes_total"'),
            ("NoTranslation", "underscores", "foo_bar"),
            ("NoTranslation", "allow-utf-8", '"foo.bar"'),
        ],
    )
    @needs_utf8_names
    def test_strategies_and_negotiation(
        self,
        instruments: Callable[..., Instruments],
        strategy: str,
        escaping: str,
        wanted: str,
    ) -> None:
        made = instruments(translation_strategy=strategy)
        made.meter.create_counter("foo.bar", "By").add(5)
        for format_ in (vs.Format.TEXT_1_0_0, vs.Format.OPENMETRICS_1_0_0):
            lines = made.text(escaping, format=format_).splitlines()
            [sample] = [line for line in lines if not line.startswith("#")]
            assert sample.rpartition(" ")[0] == (
                f"{{{wanted}}}" if wanted.startswith('"') else wanted
            )
            assert float(sample.rpartition(" ")[2]) == 5

    @needs_utf8_names
    def test_dots_and_values(self, instruments: Callable[..., Instruments]) -> None:
        made = instruments(translation_strategy="NoTranslation")
        set_gauge(made.meter, ("foo.bar",), 1)
        assert "\nfoo_dot_bar 1" in made.text("dots", format=vs.Format.TEXT_1_0_0)
        assert "\nU__foo_2e_bar 1" in made.text("values", format=vs.Format.TEXT_1_0_0)

    @needs_utf8_names
    def test_without_translation_labels_stay(self, instruments: Callable[..., Instruments]) -> None:
        made = instruments(translation_strategy="NoTranslation")
        set_gauge(made.meter, ("m",), 1, {"a.b": "c"})
        assert 'm{"a.b"="c"} 1' in made.text("allow-utf-8", format=vs.Format.TEXT_1_0_0)


class TestMetadata:
    def test_help_type_and_unit(self, instruments: Callable[..., Instruments]) -> None:
        made = instruments()
        made.meter.create_counter("size", "By", 'of\na "file"').add(1)
        metric = made.metrics()["size_bytes"]
        assert (metric.type, metric.unit) == ("counter", "bytes")
        assert metric.documentation == 'of\na "file"'
        [plain] = plain_families(made.text())
        assert plain.documentation == 'of\na "file"'

    def test_conflicting_help_loses_no_point(
        self, instruments: Callable[..., Instruments], caplog: pytest.LogCaptureFixture
    ) -> None:
        made = instruments(scope_info_enabled=True)
        for meter in ("one", "two"):
            made.provider.get_meter(meter).create_counter("m", "", f"of {meter}").add(1)
        for _ in range(3):
            metric = made.metrics()["m"]
        assert metric.documentation == "of one"
        assert len(metric.samples) == 2
        assert len(caplog.records) == 1

    def test_conflicting_units_of_one_name_lose_no_point(
        self, instruments: Callable[..., Instruments]
    ) -> None:
        made = instruments(scope_info_enabled=True)
        set_gauge(made.provider.get_meter("one"), ("m_seconds", "s"), 1)
        set_gauge(made.provider.get_meter("two"), ("m_seconds",), 2)
        assert len(made.metrics()["m_seconds"].samples) == 2

    def test_a_conflicting_type_is_left_out_whole(
        self, instruments: Callable[..., Instruments], caplog: pytest.LogCaptureFixture
    ) -> None:
        made = instruments(scope_info_enabled=True)
        made.provider.get_meter("one").create_up_down_counter("m").add(1)
        made.provider.get_meter("two").create_histogram("m").record(1)
        for _ in range(3):
            assert [sample.name for sample in made.metrics()["m"].samples] == ["m"]
        [record] = caplog.records
        assert "m is a gauge already, not a histogram" in record.getMessage()

    def test_a_name_of_another_collector_is_left_out(
        self, instruments: Callable[..., Instruments], caplog: pytest.LogCaptureFixture
    ) -> None:
        made = instruments()
        Gauge("rooms", "theirs", registry=made.registry).set(1)
        Counter("orders", "theirs", registry=made.registry).inc()
        set_gauge(made.meter, ("rooms",), 2)
        made.meter.create_counter("orders").add(2)
        assert made.samples()["rooms"] == 1
        assert made.samples()["orders_total"] == 1
        assert made.text().count("# TYPE rooms gauge") == 1
        assert len(caplog.records) == 2


class TestScope:
    def make(self, instruments: Callable[..., Instruments], **options: Any) -> dict[str, str]:
        made = instruments(**options)
        attributes = {"mascot.kind": "gopher", "name": "clash", "schema.url": "clash"}
        meter = made.provider.get_meter("lib", "1.0", "https://example.org/1", attributes)
        set_gauge(meter, ("m",), 1, {"a": "b"})
        [sample] = made.metrics()["m"].samples
        return dict(sample.labels)

    @needs_scope_attributes
    def test_labels(self, instruments: Callable[..., Instruments]) -> None:
        assert self.make(instruments, scope_info_enabled=True) == {
            "a": "b",
            "otel_scope_name": "lib",
            "otel_scope_version": "1.0",
            "otel_scope_schema_url": "https://example.org/1",
            "otel_scope_mascot_kind": "gopher",
        }

    @needs_scope_attributes
    def test_they_can_be_left_out(self, instruments: Callable[..., Instruments]) -> None:
        assert self.make(instruments, scope_info_enabled=False) == {"a": "b"}

    def test_they_are_there_by_default(self, registry: CollectorRegistry) -> None:
        made = Instruments(registry, (), {}, {})
        set_gauge(made.meter, ("m",), 1)
        assert made.samples() == {'m{otel_scope_name="lib",otel_scope_version="1.0"}': 1}
        made.provider.shutdown()


class TestTypes:
    def test_a_gauge(self, instruments: Callable[..., Instruments]) -> None:
        made = instruments()
        set_gauge(made.meter, ("m",), 2.5)
        metric = made.metrics()["m"]
        assert (metric.type, metric.samples[0].value) == ("gauge", 2.5)
        assert metric.samples[0].exemplar is None

    def test_a_monotonic_sum(self, instruments: Callable[..., Instruments]) -> None:
        made = instruments()
        counter = made.meter.create_counter("m")
        counter.add(2)
        counter.add(3)
        metric = made.metrics()["m"]
        assert (metric.type, metric.samples[0].name) == ("counter", "m_total")
        assert metric.samples[0].value == 5
        assert metric.samples[0].timestamp is None

    def test_a_sum_that_is_not_monotonic(self, instruments: Callable[..., Instruments]) -> None:
        made = instruments()
        made.meter.create_up_down_counter("m").add(-2)
        assert made.metrics()["m"].type == "gauge"

    def test_the_start_time(self, instruments: Callable[..., Instruments]) -> None:
        made = instruments()
        made.meter.create_counter("m").add(1)
        [family] = made.registry._collector_to_names  # type: ignore[var-annotated]
        [read] = family.read()
        assert read.created[0] > 1.6e9

    def test_a_histogram(self, instruments: Callable[..., Instruments]) -> None:
        view = View(
            instrument_name="m", aggregation=ExplicitBucketHistogramAggregation(boundaries=(1, 5))
        )
        made = instruments(views=[view])
        histogram = made.meter.create_histogram("m", "s")
        for value in (0.5, 1, 4, 50):
            histogram.record(value)
        assert made.samples() == {
            'm_seconds_bucket{le="1.0"}': 2,
            'm_seconds_bucket{le="5.0"}': 3,
            'm_seconds_bucket{le="+Inf"}': 4,
            "m_seconds_count": 4,
            "m_seconds_sum": 55.5,
        }

    def test_what_a_reader_asks_for(self, instruments: Callable[..., Instruments]) -> None:
        temporality = set(instruments().reader._instrument_class_temporality.values())
        assert temporality == {AggregationTemporality.CUMULATIVE}

    def test_asynchronous_instruments(self, instruments: Callable[..., Instruments]) -> None:
        made = instruments()
        made.meter.create_observable_counter("c", [lambda _: [Observation(3)]])
        made.meter.create_observable_up_down_counter("u", [lambda _: [Observation(-1)]])
        made.meter.create_observable_gauge("g", [lambda _: [Observation(1.5, {"a": "b"})]])
        assert made.samples() == {"c_total": 3, "u": -1, 'g{a="b"}': 1.5}

    def test_views(self, instruments: Callable[..., Instruments]) -> None:
        views = [
            View(instrument_name="dropped", aggregation=DropAggregation()),
            View(instrument_name="old", name="new", attribute_keys={"kept"}),
        ]
        made = instruments(views=views)
        set_gauge(made.meter, ("dropped",), 1)
        set_gauge(made.meter, ("old",), 1, {"kept": "1", "left": "2"})
        assert made.samples() == {'new{kept="1"}': 1}

    def test_default_aggregations(self, instruments: Callable[..., Instruments]) -> None:
        made = instruments(default_aggregation={SdkCounter: LastValueAggregation()})
        made.meter.create_counter("m").add(4)
        assert made.metrics()["m"].type == "gauge"


class TestExponentialHistograms:
    @pytest.fixture
    def made(self, instruments: Callable[..., Instruments]) -> Instruments:
        return instruments(
            default_aggregation={SdkHistogram: ExponentialBucketHistogramAggregation()}
        )

    def family(self, made: Instruments) -> HistogramFamily:
        [collector] = made.registry._collector_to_names  # type: ignore[var-annotated]
        [family] = collector.read()
        return family  # type: ignore[no-any-return]

    def test_they_are_native(self, made: Instruments) -> None:
        histogram = made.meter.create_histogram("m", "s")
        values = [0.0, 0.001, 0.3, 0.3, -2.0, 70.0]
        for value in values[:4] + values[5:]:
            histogram.record(value)
        family = self.family(made)
        native = family.native(family.points[0].histogram)
        assert native is not None
        assert native.schema <= 8
        assert (native.count, native.zero_count) == (5, 1)
        assert native.zero_threshold == 1e-128
        assert native.total == pytest.approx(70.601)
        for value, count in ((0.001, 1), (0.3, 2), (70.0, 1)):
            index = math.ceil(math.log2(value) * 2**native.schema)
            assert native.positive.counts()[index] == count
        assert not family.classic

    def test_a_single_value_is_scaled_down(self, made: Instruments) -> None:
        made.meter.create_histogram("m").record(3.0)
        family = self.family(made)
        native = family.native(family.points[0].histogram)
        assert native is not None
        assert native.schema == 8
        assert native.positive.counts() == {math.ceil(math.log2(3) * 256): 1}

    def test_in_text_they_have_fixed_buckets(self, made: Instruments) -> None:
        histogram = made.meter.create_histogram("m")
        values = [0.0, 1e-9, 0.3, 1.0, 1.5, 2.0, 70.0, 1e9]
        for value in values:
            histogram.record(value)
        samples = made.samples()
        for name, count in samples.items():
            if "le=" in name:
                bound = float(name.split('"')[1])
                assert count == sum(value <= bound for value in values), bound
        assert samples["m_count"] == 8

    def test_the_formats_that_have_them(self, made: Instruments) -> None:
        histogram = made.meter.create_histogram("m", "s")
        histogram.record(0.3)
        body = generate_latest(made.registry, format=vs.Format.PROTOBUF)
        assert b"m_seconds" in body
        # Older releases of the SDK only show what is new.
        histogram.record(0.3)
        text = made.text(format=vs.Format.OPENMETRICS_2_0_0)
        assert "schema:" in text

    def point(self, **changes: Any) -> Any:
        buckets = SimpleNamespace(offset=0, bucket_counts=[1])
        point = {
            "attributes": {},
            "start_time_unix_nano": 0,
            "time_unix_nano": 1,
            "count": 2,
            "sum": 1.0,
            "scale": 3,
            "zero_count": 0,
            "positive": buckets,
            "negative": buckets,
            "exemplars": [],
        }
        return SimpleNamespace(**{**point, **changes})

    @pytest.mark.parametrize(
        ("changes", "kept"),
        [
            ({}, True),
            ({"scale": -4}, True),
            ({"scale": 20}, True),
            ({"scale": -5}, False),
            ({"sum": None}, False),
        ],
    )
    def test_what_prometheus_cannot_show_is_left_out(
        self, changes: dict[str, Any], kept: bool
    ) -> None:
        from opentelemetry.sdk.metrics.export import ExponentialHistogram

        data = ExponentialHistogram([self.point(**changes)], AggregationTemporality.CUMULATIVE)
        assert len(translated(data)) == kept

    def test_negative_values_are_below_every_boundary(self) -> None:
        from opentelemetry.sdk.metrics.export import ExponentialHistogram

        data = ExponentialHistogram([self.point()], AggregationTemporality.CUMULATIVE)
        [family] = translated(data)
        histogram = family.points[0].histogram
        assert histogram.cumulative()[0] == 1
        assert family.native(histogram).negative.counts() == {1: 1}


def translated(data: Any, **changes: Any) -> list[Any]:
    """The families of one metric of the SDK's model."""
    metric = SimpleNamespace(name="m", description="", unit="", data=data, **changes)
    scope = SimpleNamespace(scope=SimpleNamespace(), metrics=[metric])
    resource = SimpleNamespace(resource=SimpleNamespace(attributes={}), scope_metrics=[scope])
    families = OtelFamilies(ESCAPING, scope_info=False, constant_labels=None)
    return list(families.translate(MetricsData([resource]), frozenset()))  # type: ignore[list-item]


@pytest.mark.parametrize("kind", ["Sum", "Histogram", "ExponentialHistogram"])
def test_deltas_are_left_out_and_said_once(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    from opentelemetry.sdk.metrics import export

    options = {"is_monotonic": True} if kind == "Sum" else {}
    data = getattr(export, kind)([], AggregationTemporality.DELTA, **options)
    assert translated(data) == []
    assert "deltas" in caplog.text


def test_data_of_no_known_kind_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    unknown = SimpleNamespace(
        aggregation_temporality=AggregationTemporality.CUMULATIVE, data_points=[]
    )
    assert translated(unknown) == []
    assert "cannot be translated" in caplog.text


class TestAttributes:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            ("a", "a"),
            (True, "true"),
            (False, "false"),
            (3, "3"),
            (2.5, "2.5"),
            (math.inf, "Infinity"),
            (-math.inf, "-Infinity"),
            (math.nan, "NaN"),
            (("a", "ü"), '["a","ü"]'),
            ([1, 2.5, True, math.inf, b"x"], '[1,2.5,true,"Infinity","eA=="]'),
            ({"a": [1]}, '{"a":[1]}'),
            (b"\x00\xff", "AP8="),
            (None, ""),
            ("\ud800", "?"),
        ],
    )
    def test_values_as_text(self, value: Any, text: str) -> None:
        assert attribute_text(value) == text

    def test_colliding_keys_are_joined_in_their_order(
        self, instruments: Callable[..., Instruments]
    ) -> None:
        made = instruments()
        set_gauge(made.meter, ("m",), 1, {"a_b": "3", "a.b": "2", "a-b": "1"})
        assert made.samples() == {'m{a_b="1;2;3"}': 1}

    def test_one_that_collides_with_the_scope(self) -> None:
        labels = to_labels([("otel_scope_name", "lib"), ("otel.scope.name", "mine")], ESCAPING)
        assert labels == (("otel_scope_name", "mine;lib"),)

    def test_values_are_escaped(self, instruments: Callable[..., Instruments]) -> None:
        made = instruments()
        set_gauge(made.meter, ("m",), 1, {"a": 'x"y\\z\n'})
        [sample] = made.metrics()["m"].samples
        assert sample.labels == {"a": 'x"y\\z\n'}

    def test_a_boundary_is_no_label_of_a_histogram(
        self, instruments: Callable[..., Instruments]
    ) -> None:
        made = instruments()
        made.meter.create_histogram("m").record(1, {"le": "mine"})
        assert all(sample.labels["exported_le"] == "mine" for sample in made.metrics()["m"].samples)

    def test_points_that_become_the_same(
        self, instruments: Callable[..., Instruments], caplog: pytest.LogCaptureFixture
    ) -> None:
        made = instruments()
        for meter in ("one", "two"):
            set_gauge(made.provider.get_meter(meter), ("m",), 1)
        assert made.samples() == {"m": 1}
        assert len(caplog.records) == 1


class TestExemplars:
    @pytest.fixture
    def span(self) -> Iterator[Any]:
        provider = TracerProvider(shutdown_on_exit=False)
        with provider.get_tracer("t").start_as_current_span("s") as span:
            yield span.get_span_context()

    @needs_exemplars
    def test_of_a_counter(self, instruments: Callable[..., Instruments], span: Any) -> None:
        made = instruments()
        counter = made.meter.create_counter("m")
        counter.add(1)
        counter.add(2)
        exemplar = made.metrics()["m"].samples[0].exemplar
        assert exemplar is not None
        assert exemplar.labels == {
            "trace_id": trace.format_trace_id(span.trace_id),
            "span_id": trace.format_span_id(span.span_id),
        }
        assert exemplar.timestamp is not None

    @needs_exemplars
    def test_of_each_bucket(self, instruments: Callable[..., Instruments], span: Any) -> None:
        made = instruments()
        histogram = made.meter.create_histogram("m")
        for value in (1, 2, 7, 80):
            histogram.record(value)
        found = {
            sample.labels["le"]: sample.exemplar.value
            for sample in made.metrics()["m"].samples
            if sample.exemplar
        }
        assert found == {"5.0": 2, "10.0": 7, "100.0": 80}

    def test_filtered_attributes(self) -> None:
        from vitalspan.bridge.otel_points import to_exemplar

        exemplar = SimpleNamespace(
            trace_id=1,
            span_id=2,
            value=1.5,
            time_unix_nano=2_500_000_000,
            filtered_attributes={
                "trace_id": "mine",
                "user.id": 7,
                "long": "x" * 100,
                "quote": '"',
            },
        )
        found = to_exemplar(exemplar, ESCAPING)
        assert found.labels == {
            "trace_id": "0" * 31 + "1",
            "span_id": "0" * 15 + "2",
            "user_id": "7",
            "quote": '"',
        }
        assert (found.value, found.timestamp) == (1.5, 2.5)

    def test_without_a_span(self) -> None:
        from vitalspan.bridge.otel_points import latest_exemplar

        assert latest_exemplar([], ESCAPING) is None


RESOURCE = {"service.name": "shop", "service.version": "7", "k8s.pod": "p"}


class TestResource:
    def test_target_info(self, instruments: Callable[..., Instruments]) -> None:
        made = instruments(resource=RESOURCE)
        set_gauge(made.meter, ("m",), 1)
        metrics = made.metrics()
        assert metrics["target"].type == "info"
        assert metrics["target"].samples[0].labels == {
            "service_name": "shop",
            "service_version": "7",
            "k8s_pod": "p",
        }
        assert metrics["m"].samples[0].labels == {}

    def test_without_attributes_there_is_none(
        self, instruments: Callable[..., Instruments]
    ) -> None:
        made = instruments()
        set_gauge(made.meter, ("m",), 1)
        assert "target" not in made.metrics()

    def test_it_can_be_left_out(self, instruments: Callable[..., Instruments]) -> None:
        made = instruments(resource=RESOURCE, target_info_enabled=False)
        set_gauge(made.meter, ("m",), 1)
        assert set(made.metrics()) == {"m"}

    def test_there_is_one_at_most(self, instruments: Callable[..., Instruments]) -> None:
        first = instruments(resource=RESOURCE)
        second = instruments(resource={"service.name": "other"})
        set_gauge(first.meter, ("a",), 1)
        set_gauge(second.meter, ("b",), 1)
        assert set(first.metrics()) == {"target", "a", "b"}
        assert first.metrics()["target"].samples[0].labels["service_name"] == "shop"

    def test_that_of_the_registry_stays(self, instruments: Callable[..., Instruments]) -> None:
        made = instruments(resource=RESOURCE)
        made.registry.set_target_info({"own": "1"})
        set_gauge(made.meter, ("a",), 1)
        assert made.metrics()["target"].samples[0].labels == {"own": "1"}

    @pytest.mark.parametrize(
        "wanted", [["service.version"], lambda key: key.endswith("version"), {"service.version"}]
    )
    def test_labels_of_every_point(
        self, instruments: Callable[..., Instruments], wanted: Any
    ) -> None:
        made = instruments(resource=RESOURCE, resource_constant_labels=wanted)
        set_gauge(made.meter, ("m",), 1)
        assert made.metrics()["m"].samples[0].labels == {"service_version": "7"}
        assert "service_version" in made.metrics()["target"].samples[0].labels


class TestBadInstruments:
    def test_a_callback_that_raises(self, instruments: Callable[..., Instruments]) -> None:
        made = instruments()

        def broken(_: Any) -> Any:
            raise RuntimeError("broken")

        made.meter.create_observable_gauge("bad", [broken])
        set_gauge(made.meter, ("good",), 1)
        assert made.samples() == {"good": 1}

    def test_a_callback_that_hangs(
        self, instruments: Callable[..., Instruments], caplog: pytest.LogCaptureFixture
    ) -> None:
        made = instruments(timeout=0.1)
        hanging = threading.Event()
        release = threading.Event()

        def slow(_: Any) -> Any:
            if not release.is_set():
                hanging.set()
                release.wait(60)
            return [Observation(1)]

        made.meter.create_observable_gauge("slow", [slow])
        set_gauge(made.meter, ("good",), 1)
        Gauge("other", "help", registry=made.registry).set(2)
        for _ in range(2):
            assert made.samples() == {"other": 2}
        assert hanging.is_set()
        [record] = [one for one in caplog.records if one.name == "vitalspan"]
        assert "has not returned for 0.1 s" in record.getMessage()
        release.set()
        while "slow" not in made.samples():
            pass
        assert made.samples() == {"other": 2, "good": 1, "slow": 1}

    def test_a_value_that_is_no_number(
        self, instruments: Callable[..., Instruments], caplog: pytest.LogCaptureFixture
    ) -> None:
        made = instruments()
        set_gauge(made.meter, ("bad",), 1, {"a": object()})  # type: ignore[dict-item]
        set_gauge(made.meter, ("good",), 1)
        assert made.samples()["good"] == 1

    def test_before_a_provider_has_it(
        self, registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.CRITICAL, "opentelemetry")
        vs.PrometheusMetricReader(registry=registry)
        assert generate_latest(registry) == b""

    def test_after_its_end(self, instruments: Callable[..., Instruments]) -> None:
        made = instruments()
        set_gauge(made.meter, ("good",), 1)
        made.provider.shutdown()
        made.reader.shutdown()
        assert made.text() == ""


def test_what_came_from_opentelemetry_is_not_pushed_back(
    instruments: Callable[..., Instruments],
) -> None:
    made = instruments()
    set_gauge(made.meter, ("theirs",), 1)
    Gauge("ours", "help", registry=made.registry)
    batch = RegistrySource(made.registry).read(1).batch
    names = [about.name for metrics in batch.values() for about, _ in metrics]
    assert names == ["ours"]


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"translation_strategy": "None"}, "UnderscoreEscapingWithSuffixes"),
        ({"resource_constant_labels": "service.name"}, "a list of keys"),
        ({"timeout": 0}, "seconds above 0"),
    ],
)
def test_arguments_that_cannot_be(
    registry: CollectorRegistry, options: dict[str, Any], hint: str
) -> None:
    with pytest.raises(vs.ConfigurationError, match=hint):
        vs.PrometheusMetricReader(registry=registry, **options)
    assert not registry._collector_to_names


def test_the_default_registry() -> None:
    from support.subprograms import run_program

    program = """
from opentelemetry.sdk.metrics import MeterProvider

provider = MeterProvider([vs.PrometheusMetricReader()])
orders = provider.get_meter("lib").create_counter("orders")
orders.add(3)
print('orders_total{otel_scope_name="lib"} 3' in vs.generate_latest().decode())

def work():
    orders.add(3)
    print('orders_total{otel_scope_name="lib"} 6' in vs.generate_latest().decode())

in_child(work)
"""
    from support.subprograms import FORKING

    assert run_program(FORKING + program) == "True\nTrue\n"


keys = st.text(st.sampled_from("ab._-1ü\n"), min_size=1, max_size=4)
attributes = st.dictionaries(
    keys, st.one_of(st.text(max_size=3), st.integers(), st.booleans(), st.floats()), max_size=3
)


@settings(max_examples=40)
@given(st.lists(attributes, min_size=1, max_size=4))
def test_any_attributes_make_a_scrape_that_can_be_parsed(many: list[Any]) -> None:
    made = Instruments(CollectorRegistry(), (), {}, {})
    made.meter.create_observable_gauge("m", [lambda _: [Observation(1, one) for one in many]])
    samples = made.metrics()["m"].samples
    assert len({tuple(sorted(sample.labels.items())) for sample in samples}) == len(samples)
    [plain] = [metric for metric in plain_families(made.text()) if metric.name == "m"]
    assert [sample.labels for sample in plain.samples] == [sample.labels for sample in samples]
    made.provider.shutdown()
