"""The table of OpenTelemetry's compatibility document, "Prometheus Metric points to OTLP"."""

from __future__ import annotations

import math
import struct
from typing import Any, NamedTuple

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality
from prometheus_client.core import (
    CounterMetricFamily,
    Exemplar,
    GaugeHistogramMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
    StateSetMetricFamily,
    SummaryMetricFamily,
    Timestamp,
    UnknownMetricFamily,
)

from support.otel_instruments import needs_utf8_names
from support.otlp_decode import NOW, converted, decoded, otlp
from support.otlp_metrics import metrics_of, texts
from vitalspan import __version__
from vitalspan.bridge.scrape.scrape_target import batch_of
from vitalspan.bridge.ucum import UCUM_BY_WORD

CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def only(metrics: list[Any]) -> Any:
    [metric] = metrics
    return metric


def point(metric: Any) -> Any:
    """The only data point of a metric."""
    [found] = getattr(metric, metric.WhichOneof("data")).data_points
    return found


def metric_of(kind: str, *samples: tuple[Any, ...], name: str = "m") -> Metric:
    metric = Metric(name, "help", kind)
    for sample in samples:
        metric.add_sample(*sample)
    return metric


class BucketSpan(NamedTuple):
    """As prometheus_client has it, since release 0.22."""

    offset: int
    length: int


class NativeHistogram(NamedTuple):
    """As prometheus_client has it, since release 0.22."""

    count_value: float
    sum_value: float
    schema: int
    zero_threshold: float
    zero_count: float
    pos_spans: Any = None
    neg_spans: Any = None
    pos_deltas: Any = None
    neg_deltas: Any = None
    nh_exemplars: Any = None


class NativeSample(NamedTuple):
    """A sample with a native histogram."""

    name: str
    labels: dict[str, str]
    native_histogram: Any
    value: float = 0.0
    timestamp: None = None
    exemplar: None = None


def native(**changes: Any) -> NativeHistogram:
    """A native histogram of 8 values, one of them 0."""
    fields = {
        "count_value": 8,
        "sum_value": 12.5,
        "schema": 3,
        "zero_threshold": 0.001,
        "zero_count": 1,
        "pos_spans": [BucketSpan(-2, 2), BucketSpan(3, 1)],
        "pos_deltas": [2, -1, 3],
        "neg_spans": None,
        "neg_deltas": None,
    }
    return NativeHistogram(**{**fields, **changes})


def native_metric(histogram: Any, *more: tuple[Any, ...]) -> Metric:
    metric = Metric("m", "help", "histogram")
    metric.samples.append(NativeSample("m", {}, histogram))  # type: ignore[arg-type]
    for sample in more:
        metric.add_sample(*sample)
    return metric


@pytest.mark.parametrize(
    "name",
    [
        "http_requests_total",
        "m:rule",
        pytest.param("http.requests", marks=needs_utf8_names),
        pytest.param("größe", marks=needs_utf8_names),
    ],
)
def test_the_name_stays_as_it_is(name: str) -> None:
    assert only(otlp(GaugeMetricFamily(name, "help", 1))).name == name


def test_a_counter_keeps_total_and_an_info_keeps_info() -> None:
    counter, info = otlp(
        CounterMetricFamily("requests", "help", 1), InfoMetricFamily("build", "help", {"v": "1"})
    )
    assert (counter.name, info.name) == ("requests_total", "build_info")


@pytest.mark.parametrize(("word", "symbol"), UCUM_BY_WORD.items())
def test_the_unit_comes_from_its_metadata(word: str, symbol: str) -> None:
    assert only(otlp(GaugeMetricFamily("m", "help", 1, unit=word))).unit == symbol


def test_the_unit_does_not_come_from_the_name() -> None:
    assert only(otlp(GaugeMetricFamily("m_seconds", "help", 1))).unit == ""


def test_an_unknown_unit_stays() -> None:
    assert only(otlp(GaugeMetricFamily("m", "help", 1, unit="parsecs"))).unit == "parsecs"


def test_help_is_the_description() -> None:
    assert only(otlp(GaugeMetricFamily("m", "What is\nmeasured", 1))).description == (
        "What is\nmeasured"
    )


@pytest.mark.parametrize(
    ("metric", "data", "type_"),
    [
        (CounterMetricFamily("m", "h", 1), "sum", "counter"),
        (GaugeMetricFamily("m", "h", 1), "gauge", "gauge"),
        (InfoMetricFamily("m", "h", {}), "sum", "info"),
        (StateSetMetricFamily("m", "h", {"on": True}), "sum", "stateset"),
        (UnknownMetricFamily("m", "h", 1), "gauge", "unknown"),
        (HistogramMetricFamily("m", "h", [("+Inf", 1)], 1), "histogram", "histogram"),
        (SummaryMetricFamily("m", "h", 1, 1), "summary", "summary"),
        (native_metric(native()), "exponential_histogram", "histogram"),
    ],
)
def test_the_type_decides_the_data_and_is_in_the_metadata(
    metric: Metric, data: str, type_: str
) -> None:
    found = only(otlp(metric))
    assert found.WhichOneof("data") == data
    assert texts(found.metadata) == {"prometheus.type": type_}


@pytest.mark.parametrize(
    ("metric", "monotonic"),
    [
        (CounterMetricFamily("m", "h", 1), True),
        (InfoMetricFamily("m", "h", {}), False),
        (StateSetMetricFamily("m", "h", {"on": True}), False),
    ],
)
def test_sums_are_cumulative_and_counters_monotonic(metric: Metric, monotonic: bool) -> None:
    data = only(otlp(metric)).sum
    assert data.aggregation_temporality == CUMULATIVE
    assert data.is_monotonic is monotonic


def test_histograms_are_cumulative() -> None:
    classic = only(otlp(HistogramMetricFamily("m", "h", [("+Inf", 1)], 1))).histogram
    exponential = only(otlp(native_metric(native()))).exponential_histogram
    assert classic.aggregation_temporality == exponential.aggregation_temporality == CUMULATIVE


class TestTimes:
    def test_created_is_the_start(self) -> None:
        found = point(only(otlp(CounterMetricFamily("m", "h", 5, created=1234.5))))
        assert (found.start_time_unix_nano, found.as_double) == (1_234_500_000_000, 5.0)

    @pytest.mark.parametrize("kind", ["histogram", "summary"])
    def test_created_is_the_start_of_what_has_several_samples(self, kind: str) -> None:
        metric = metric_of(
            kind, ("m_count", {"a": "1"}, 2), ("m_sum", {"a": "1"}, 3), ("m_created", {"a": "1"}, 9)
        )
        assert point(only(otlp(metric))).start_time_unix_nano == 9_000_000_000

    def test_without_created_there_is_no_start(self) -> None:
        assert point(only(otlp(CounterMetricFamily("m", "h", 5)))).start_time_unix_nano == 0

    def test_a_timestamp_is_the_time(self) -> None:
        metric = metric_of("gauge", ("m", {}, 1, Timestamp(1_600_000_000, 123_456_789)))
        assert point(only(otlp(metric))).time_unix_nano == 1_600_000_000_123_456_789
        metric = metric_of("gauge", ("m", {}, 1, 1_600_000_000.5))
        assert point(only(otlp(metric))).time_unix_nano == 1_600_000_000_500_000_000

    def test_a_timestamp_of_a_histogram_is_its_time(self) -> None:
        metric = HistogramMetricFamily("m", "h")
        metric.add_metric([], [("+Inf", 1)], 1, timestamp=77)
        assert point(only(otlp(metric))).time_unix_nano == 77_000_000_000

    def test_without_one_it_is_that_of_the_scrape(self) -> None:
        assert point(only(otlp(GaugeMetricFamily("m", "h", 1)))).time_unix_nano == NOW


def test_a_counter_keeps_its_exemplar() -> None:
    exemplar = Exemplar({"trace_id": TRACE_ID, "user": "7"}, 2.5, 100.5)
    metric = metric_of("counter", ("m_total", {}, 5, None, exemplar))
    found = point(only(otlp(metric)))
    [kept] = found.exemplars
    assert kept.trace_id.hex() == TRACE_ID
    assert (kept.as_double, kept.time_unix_nano) == (2.5, 100_500_000_000)
    assert texts(kept.filtered_attributes) == {"user": "7"}


def test_a_counter_of_the_text_format_keeps_a_name_without_total() -> None:
    metric = metric_of("counter", ("m", {}, 1))
    assert only(otlp(metric)).name == "m"


def test_states_are_points_of_0_and_1() -> None:
    found = only(otlp(StateSetMetricFamily("m", "h", {"on": True, "off": False})))
    assert {texts(one.attributes)["m"]: one.as_double for one in found.sum.data_points} == {
        "on": 1.0,
        "off": 0.0,
    }


class TestHistograms:
    def test_buckets_are_counts_without_infinity(self) -> None:
        metric = HistogramMetricFamily("m", "h", [("0.5", 2), ("1.0", 2), ("+Inf", 7)], 9.5)
        found = point(only(otlp(metric)))
        assert list(found.explicit_bounds) == [0.5, 1.0]
        assert list(found.bucket_counts) == [2, 0, 5]
        assert (found.count, found.sum) == (7, 9.5)

    def test_the_order_of_samples_does_not_matter(self) -> None:
        metric = metric_of(
            "histogram",
            ("m_sum", {}, 9.5),
            ("m_bucket", {"le": "+Inf"}, 7),
            ("m_bucket", {"le": "1"}, 4),
            ("m_count", {}, 7),
            ("m_bucket", {"le": "0.5"}, 2),
        )
        found = point(only(otlp(metric)))
        assert list(found.bucket_counts) == [2, 2, 3]

    def test_without_a_bucket_of_infinity_the_count_makes_it(self) -> None:
        metric = metric_of("histogram", ("m_bucket", {"le": "1"}, 4), ("m_count", {}, 7))
        found = point(only(otlp(metric)))
        assert list(found.bucket_counts) == [4, 3]
        assert found.count == 7

    def test_counts_that_contradict_each_other_stay_sums(self) -> None:
        metric = metric_of(
            "histogram",
            ("m_bucket", {"le": "1"}, 4),
            ("m_bucket", {"le": "2"}, 3),
            ("m_bucket", {"le": "+Inf"}, 6),
            ("m_count", {}, 5),
        )
        found = point(only(otlp(metric)))
        assert list(found.bucket_counts) == [4, 0, 2]
        assert found.count == sum(found.bucket_counts)

    def test_without_a_count_it_is_left_out(self) -> None:
        metric = metric_of("histogram", ("m_bucket", {"le": "+Inf"}, 6), ("m_sum", {}, 5))
        builder = converted(metric)
        assert builder.batch() == {}
        assert builder.left_out == 1

    def test_without_a_sum_the_sum_is_unset(self) -> None:
        metric = metric_of("histogram", ("m_bucket", {"le": "+Inf"}, 6), ("m_count", {}, 6))
        assert not point(only(otlp(metric))).HasField("sum")

    def test_exemplars_of_buckets_stay(self) -> None:
        buckets = [("1", 2, Exemplar({"a": "b"}, 0.5, 7)), ("+Inf", 3, Exemplar({}, 5.0))]
        found = point(only(otlp(HistogramMetricFamily("m", "h", buckets, 9))))
        assert [(one.as_double, one.time_unix_nano) for one in found.exemplars] == [
            (0.5, 7_000_000_000),
            (5.0, NOW),
        ]

    def test_label_sets_are_points_of_one_metric(self) -> None:
        metric = HistogramMetricFamily("m", "h", labels=["a"])
        metric.add_metric(["1"], [("+Inf", 1)], 1)
        metric.add_metric(["2"], [("+Inf", 2)], 2)
        points = only(otlp(metric)).histogram.data_points
        assert [(texts(one.attributes), one.count) for one in points] == [
            ({"a": "1"}, 1),
            ({"a": "2"}, 2),
        ]


class TestNativeHistograms:
    def test_buckets(self) -> None:
        found = point(only(otlp(native_metric(native()))))
        assert found.scale == 3
        assert found.positive.offset == -3
        assert list(found.positive.bucket_counts) == [2, 1, 0, 0, 0, 4]
        assert (found.zero_count, found.zero_threshold) == (1, 0.001)
        assert (found.count, found.sum) == (8, 12.5)
        assert not found.HasField("min")
        assert not found.HasField("max")

    def test_negative_buckets(self) -> None:
        histogram = native(neg_spans=[BucketSpan(5, 2)], neg_deltas=[1, 1])
        found = point(only(otlp(native_metric(histogram))))
        assert found.negative.offset == 4
        assert list(found.negative.bucket_counts) == [1, 2]
        assert found.count == 11

    def test_without_buckets(self) -> None:
        histogram = native(pos_spans=[], pos_deltas=[], zero_count=0)
        found = point(only(otlp(native_metric(histogram))))
        assert (found.count, found.positive.offset) == (0, 0)
        assert list(found.positive.bucket_counts) == []

    @pytest.mark.parametrize(("schema", "last"), [(8, 1024 * 256), (0, 1024), (-4, 64)])
    def test_overflow_buckets_are_left_out(self, schema: int, last: int) -> None:
        histogram = native(
            schema=schema, pos_spans=[BucketSpan(last, 2)], pos_deltas=[3, 2], zero_count=0
        )
        found = point(only(otlp(native_metric(histogram))))
        assert list(found.positive.bucket_counts) == [3]
        assert found.count == 3

    @pytest.mark.parametrize("schema", range(-4, 9))
    def test_standard_schemas(self, schema: int) -> None:
        assert point(only(otlp(native_metric(native(schema=schema))))).scale == schema

    @pytest.mark.parametrize("schema", [-5, 9, -53, 20])
    def test_other_schemas_are_left_out(self, schema: int) -> None:
        builder = converted(native_metric(native(schema=schema)))
        assert builder.batch() == {}
        assert builder.left_out == 1

    def test_the_float_flavour_is_left_out(self) -> None:
        assert otlp(native_metric(native(count_value=8.5))) == []
        assert otlp(native_metric(native(zero_count=0.5))) == []

    def test_the_gauge_flavour_is_left_out(self) -> None:
        metric = native_metric(native())
        metric.type = "gaugehistogram"
        assert otlp(metric) == []

    def test_custom_buckets(self) -> None:
        class WithBuckets(NamedTuple):
            count_value: float
            sum_value: float
            schema: int
            zero_count: float
            pos_spans: list[BucketSpan]
            pos_deltas: list[int]
            custom_values: list[float]
            nh_exemplars: None = None

        # The example of the document.
        spans, deltas = [BucketSpan(0, 1), BucketSpan(2, 3)], [10, 10, -15, -3]
        histogram = WithBuckets(37, 5.0, -53, 0, spans, deltas, [-2, -1, 0, 1, 2])
        found = point(only(otlp(native_metric(histogram))))
        assert list(found.explicit_bounds) == [-2, -1, 0, 1, 2]
        assert list(found.bucket_counts) == [10, 0, 0, 20, 5, 2]
        assert (found.count, found.sum) == (37, 5.0)
        stale = point(only(otlp(native_metric(histogram._replace(sum_value=STALE)))))
        assert (stale.flags, list(stale.bucket_counts)) == (1, [])

    def test_start_and_exemplars(self) -> None:
        histogram = native(nh_exemplars=[Exemplar({"a": "b"}, 0.5, 3)])
        found = point(only(otlp(native_metric(histogram, ("m_created", {}, 5)))))
        assert found.start_time_unix_nano == 5_000_000_000
        assert [one.as_double for one in found.exemplars] == [0.5]

    @pytest.mark.parametrize("total", [math.inf, -math.inf, math.nan])
    def test_a_sum_may_be_no_number(self, total: float) -> None:
        found = point(only(otlp(native_metric(native(sum_value=total)))))
        assert repr(found.sum) == repr(total)
        assert found.flags == 0

    def test_a_native_one_goes_before_classic_buckets(self) -> None:
        classic = ("m_bucket", {"le": "+Inf"}, 6), ("m_count", {}, 6), ("m_sum", {}, 5)
        found = only(otlp(native_metric(native(), *classic)))
        assert found.WhichOneof("data") == "exponential_histogram"

    def test_one_that_no_float_fits_into_is_refused(self) -> None:
        spans = [BucketSpan(-(2**31), 1), BucketSpan(2**30, 1)]
        with pytest.raises(ValueError, match="cannot have buckets"):
            otlp(native_metric(native(pos_spans=spans, pos_deltas=[1, 1])))


@pytest.mark.parametrize(
    "metric",
    [
        CounterMetricFamily("m", "h", STALE),
        GaugeMetricFamily("m", "h", STALE),
        metric_of("histogram", ("m_count", {}, STALE), ("m_sum", {}, STALE)),
        metric_of("summary", ("m_count", {}, STALE), ("m_sum", {}, STALE)),
        native_metric(native(sum_value=STALE)),
    ],
)
def test_a_stale_value_is_a_point_without_one(metric: Metric) -> None:
    found = point(only(otlp(metric)))
    assert found.flags == 1
    assert found.time_unix_nano == NOW


def test_another_nan_is_a_value() -> None:
    found = point(only(otlp(GaugeMetricFamily("m", "h", math.nan))))
    assert found.flags == 0
    assert math.isnan(found.as_double)


class TestSummaries:
    def test_quantiles_count_and_sum(self) -> None:
        metric = metric_of(
            "summary",
            ("m", {"quantile": "0.99"}, 7.5),
            ("m", {"quantile": "0.5"}, 2.5),
            ("m_count", {}, 4),
            ("m_sum", {}, 11),
        )
        found = point(only(otlp(metric)))
        quantiles = [(one.quantile, one.value) for one in found.quantile_values]
        assert quantiles == [(0.5, 2.5), (0.99, 7.5)]
        assert (found.count, found.sum) == (4, 11.0)

    def test_without_a_count_it_is_left_out(self) -> None:
        assert otlp(metric_of("summary", ("m_sum", {}, 11))) == []

    def test_without_a_sum_the_sum_is_0(self) -> None:
        assert point(only(otlp(metric_of("summary", ("m_count", {}, 4))))).sum == 0.0


def test_gauge_histograms_are_left_out() -> None:
    metric = GaugeHistogramMetricFamily("m", "h", [("+Inf", 1)], 1)
    builder = converted(metric)
    assert builder.batch() == {}
    assert builder.left_out == 1


class TestExemplars:
    def kept(self, labels: dict[str, str]) -> Any:
        exemplar = Exemplar(labels, 1.0, 1)
        metric = metric_of("counter", ("m_total", {}, 5, None, exemplar))
        return point(only(otlp(metric))).exemplars[0]

    def test_ids_are_bytes(self) -> None:
        kept = self.kept({"trace_id": TRACE_ID.upper(), "span_id": SPAN_ID})
        assert (kept.trace_id.hex(), kept.span_id.hex()) == (TRACE_ID, SPAN_ID)
        assert not kept.filtered_attributes

    @pytest.mark.parametrize("id_", ["", "0" * 32, "x" * 32, TRACE_ID[:-1], TRACE_ID + "00"])
    def test_an_id_that_is_not_valid_stays_an_attribute(self, id_: str) -> None:
        kept = self.kept({"trace_id": id_, "span_id": SPAN_ID})
        assert kept.trace_id == b""
        assert texts(kept.filtered_attributes) == {"trace_id": id_}


class TestScopes:
    def test_labels_make_the_scope(self) -> None:
        metric = CounterMetricFamily("m", "h", labels=["a"])
        scope = {
            "otel_scope_name": "lib",
            "otel_scope_version": "2",
            "otel_scope_schema_url": "https://example.org/1",
            "otel_scope_mascot": "gopher",
        }
        metric.samples.append(metric_of("counter", ("m_total", {"a": "1", **scope}, 1)).samples[0])
        [resource] = decoded(converted(metric).batch()).resource_metrics
        [found] = resource.scope_metrics
        assert (found.scope.name, found.scope.version) == ("lib", "2")
        assert found.schema_url == "https://example.org/1"
        assert texts(found.scope.attributes) == {"mascot": "gopher"}
        assert texts(point(found.metrics[0]).attributes) == {"a": "1"}

    def test_without_them_the_scope_is_ours(self) -> None:
        [resource] = decoded(converted(GaugeMetricFamily("m", "h", 1)).batch()).resource_metrics
        [found] = resource.scope_metrics
        assert (found.scope.name, found.scope.version) == ("vitalspan", __version__)

    def test_metrics_of_two_scopes_are_apart(self) -> None:
        metric = metric_of(
            "gauge", ("m", {"otel_scope_name": "a"}, 1), ("m", {"otel_scope_name": "b"}, 2)
        )
        [resource] = decoded(converted(metric).batch()).resource_metrics
        assert [one.scope.name for one in resource.scope_metrics] == ["a", "b"]


@pytest.mark.parametrize(
    "metric",
    [
        InfoMetricFamily("target", "h", {"service_version": "1.2", "a.b": "c"}),
        metric_of(
            "gauge", ("target_info", {"service_version": "1.2", "a.b": "c"}, 1), name="target_info"
        ),
    ],
)
def test_target_info_is_the_resource_and_no_metric(metric: Metric) -> None:
    builder = converted(metric)
    assert builder.batch() == {}
    assert builder.resource == {"service_version": "1.2", "a.b": "c"}


@pytest.mark.parametrize("value", ["many", None, object()])
def test_a_value_that_is_no_number_is_an_error(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        converted(metric_of("gauge", ("m", {}, value)))


@pytest.mark.parametrize(
    "metric",
    [
        metric_of("gauge", ("m", {}, 1, 1_700_000_000_000)),
        metric_of("gauge", ("m", {}, 1, -5)),
        metric_of("gauge", ("m", {}, 1, Timestamp(-5, 0))),
        metric_of("gauge", ("m", {}, 1, math.inf)),
        metric_of("counter", ("m_total", {}, 1), ("m_created", {}, math.inf)),
        metric_of("counter", ("m_total", {}, 1), ("m_created", {}, math.nan)),
        metric_of("summary", ("m_count", {}, math.inf)),
        metric_of("summary", ("m_count", {}, -1)),
        metric_of("histogram", ("m_bucket", {"le": "+Inf"}, math.inf)),
        metric_of("histogram", ("m_count", {}, 1e30)),
        metric_of("histogram", ("m_bucket", {"le": "1"}, 1e30), ("m_count", {}, 1)),
        native_metric(native(zero_count=-1)),
        native_metric(native(zero_count=1e30)),
        native_metric(native(pos_deltas=(-1, 0, 0))),
    ],
)
def test_times_and_counts_that_cannot_be_leave_out_their_metric_alone(metric: Metric) -> None:
    rooms = GaugeMetricFamily("rooms", "help", 3)
    builder = batch_of([metric, rooms], NOW)
    assert [one.name for one in metrics_of(decoded(builder.batch()))] == ["rooms"]
    assert builder.left_out == 1
