from __future__ import annotations

import math
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CollectorRegistry, Counter, Gauge, samples
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeHistogramMetricFamily,
    HistogramMetricFamily,
    Metric,
    StateSetMetricFamily,
    SummaryMetricFamily,
)
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar, Sample, Timestamp

import vitalspan as vs
from support.client_model import read_families
from support.histories import STEPS, performed
from vitalspan.exposition.generate import generate_latest

needs_native = pytest.mark.skipif(
    not hasattr(samples, "NativeHistogram"),
    reason="this prometheus_client has no native histograms",
)
needs_escaping = pytest.mark.skipif(
    not hasattr(openmetrics, "escape_metric_name"),
    reason="this prometheus_client writes names in one way",
)

Samples = dict[tuple[str, frozenset[tuple[str, str]]], tuple[float, Any]]


def decoded(registry: Collector, **options: Any) -> dict[str, Any]:
    """The families of a registry by name, read by Google's library."""
    data = generate_latest(registry, format=vs.Format.PROTOBUF, **options)
    families = list(read_families(data))
    assert len({family.name for family in families}) == len(families)
    return {family.name: family for family in families}


def exemplar_of(message: Any) -> Any:
    if not message.HasField("exemplar"):
        return None
    exemplar = message.exemplar
    labels = {pair.name: pair.value for pair in exemplar.label}
    return labels, exemplar.value, seconds(exemplar, "timestamp")


def seconds(message: Any, field: str) -> float | None:
    if not message.HasField(field):
        return None
    time = getattr(message, field)
    return float(time.seconds + time.nanos / 1e9)


def samples_of(families: dict[str, Any]) -> Samples:
    """The samples that the text formats have, read from messages."""
    samples: Samples = {}

    def add(name: str, labels: dict[str, str], value: float, exemplar: Any = None) -> None:
        key = name, frozenset(labels.items())
        assert key not in samples
        samples[key] = value, exemplar

    for name, family in families.items():
        for metric in family.metric:
            labels = {pair.name: pair.value for pair in metric.label}
            (kind,) = {field.name for field, _ in metric.ListFields()} - {"label", "timestamp_ms"}
            message = getattr(metric, kind)
            if kind in {"gauge", "untyped"}:
                add(name, labels, message.value)
                continue
            created = seconds(message, "created_timestamp")
            if created is not None:
                add(f"{name.removesuffix('_total')}_created", labels, created)
            if kind == "counter":
                add(name, labels, message.value, exemplar_of(message))
                continue
            add(f"{name}_count", labels, message.sample_count)
            add(f"{name}_sum", labels, message.sample_sum)
            if kind == "histogram":
                bounds = {bucket.upper_bound: bucket for bucket in message.bucket}
                infinite = bounds.pop(math.inf, None)
                for bound, bucket in bounds.items():
                    exemplar = exemplar_of(bucket)
                    add(
                        f"{name}_bucket",
                        {**labels, "le": str(bound)},
                        bucket.cumulative_count,
                        exemplar,
                    )
                exemplar = exemplar_of(infinite) if infinite else None
                add(f"{name}_bucket", {**labels, "le": "+Inf"}, message.sample_count, exemplar)
    return samples


def collected(registry: CollectorRegistry) -> Samples:
    """The same samples, as prometheus_client collects them."""
    samples: Samples = {}
    for metric in registry.collect():
        for sample in metric.samples:
            exemplar = sample.exemplar
            samples[sample.name, frozenset(sample.labels.items())] = (
                sample.value,
                exemplar and (dict(exemplar.labels), exemplar.value, exemplar.timestamp),
            )
    return samples


def comparable(samples: Samples) -> dict[Any, Any]:
    return {
        key: (
            pytest.approx(value, rel=1e-12, abs=1e-6, nan_ok=True),
            # The time of day is told anew for each look.
            exemplar and (*exemplar[:2], pytest.approx(exemplar[2], rel=1e-12, abs=1e-3)),
        )
        for key, (value, exemplar) in samples.items()
        # How long folding took goes on while one looks.
        if not key[0].startswith("vitalspan_fold")
    }


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(STEPS, max_size=12),
    prefix=st.sampled_from(["", "shop_"]),
    traced=st.booleans(),
)
def test_same_as_what_prometheus_client_collects(
    steps: list[Any], prefix: str, traced: bool
) -> None:
    with performed(steps, prefix=prefix, traced=traced, created_series=True) as registry:
        families, reference = decoded(registry), collected(registry)
    ours = samples_of(families)
    assert {key for key in ours if "fold" not in key[0]} == {
        key for key in reference if "fold" not in key[0]
    }
    expected = comparable(reference)
    assert {key: ours[key] for key in expected} == expected
    durations = families.get(f"{prefix}operation_duration_seconds")
    for metric in durations.metric if durations else ():
        assert_native_fits(metric.histogram)


def assert_native_fits(histogram: Any) -> None:
    """Every classic bucket has between what the native ones within and around it have."""
    counts = native_counts(histogram.positive_span, histogram.positive_delta)
    assert histogram.zero_count + sum(counts.values()) == histogram.sample_count
    base = 2 ** (2**-histogram.schema)
    for bucket in histogram.bucket:
        bound = bucket.upper_bound
        below, above = bound * 0.999, bound * 1.001
        surely = sum(count for index, count in counts.items() if base**index <= below)
        perhaps = sum(count for index, count in counts.items() if base ** (index - 1) < above)
        assert histogram.zero_count + surely <= bucket.cumulative_count
        assert bucket.cumulative_count <= histogram.zero_count + perhaps


def native_counts(spans: Any, deltas: Any) -> dict[int, int]:
    indexes: list[int] = []
    after = 0
    for span in spans:
        first = after + span.offset
        after = first + span.length
        indexes += range(first, after)
    return dict(zip(indexes, accumulate(deltas), strict=True))


class Custom(Collector):
    def __init__(self, *metrics: Metric) -> None:
        self.metrics = metrics

    def collect(self) -> Any:
        return self.metrics


def message_of(metric: Metric, **options: Any) -> Any:
    """The only family of a collector."""
    (family,) = decoded(Custom(metric), **options).values()
    return family


VALUES = st.floats(allow_nan=False)
COUNTS = st.integers(0, 2**53).map(float)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
LABELS = st.dictionaries(st.sampled_from(["a", "b_c", "Ünicode.name"]), TEXTS)
SUFFIXES = {"counter": "_total", "info": "_info", "gauge": "", "unknown": ""}


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(SUFFIXES)),
    st.lists(st.tuples(LABELS, VALUES), max_size=5, unique_by=lambda pair: str(sorted(pair[0]))),
)
def test_values_of_any_type(kind: str, points: list[tuple[dict[str, str], float]]) -> None:
    name = f"thing{SUFFIXES[kind]}"
    metric = Metric("thing", "Help with\n\\ anything.", kind)
    for labels, value in points:
        metric.add_sample(name, labels, value)
    families = decoded(Custom(metric), escaping="allow-utf-8")
    assert list(families) == ([name] if points else [])
    assert samples_of(families) == {
        (name, frozenset(labels.items())): (value, None) for labels, value in points
    }
    if points:
        types = {"counter": 0, "gauge": 1, "info": 1, "unknown": 3}
        assert families[name].type == types[kind]
        assert families[name].help == "Help with\n\\ anything."


BUCKETS = st.lists(st.floats(-1e6, 1e6), max_size=6, unique=True).flatmap(
    lambda bounds: st.lists(COUNTS, min_size=len(bounds) + 1, max_size=len(bounds) + 1).map(
        lambda counts: list(zip([*map(str, sorted(bounds)), "+Inf"], sorted(counts), strict=True))
    )
)


@settings(max_examples=60, deadline=None)
@given(BUCKETS, VALUES)
def test_classic_histograms(buckets: list[tuple[str, float]], total: float) -> None:
    histogram = message_of(HistogramMetricFamily("h", "H.", buckets=buckets, sum_value=total))
    assert histogram.type == 4
    (metric,) = histogram.metric
    told = metric.histogram
    assert told.sample_count == buckets[-1][1]
    # As numbers: 0 and -0 are one bound.
    bounds = [(float(bound), count) for bound, count in buckets[:-1]]
    assert [(one.upper_bound, one.cumulative_count) for one in told.bucket] == bounds
    # prometheus_client leaves the sum out where there are negative buckets.
    if float(buckets[0][0]) >= 0:
        assert told.sample_sum == total
    gauge = message_of(GaugeHistogramMetricFamily("h", "H.", buckets=buckets, gsum_value=total))
    assert gauge.type == 5
    told.ClearField("sample_sum")
    gauge.metric[0].histogram.ClearField("sample_sum")
    assert gauge.metric[0].histogram == told


def test_fractions_of_observations() -> None:
    metric = HistogramMetricFamily("h", "H.", buckets=[("1", 0.5), ("+Inf", 2.5)], sum_value=3)
    told = message_of(metric).metric[0].histogram
    assert (told.sample_count, told.sample_count_float) == (0, 2.5)
    assert [(one.cumulative_count_float, one.upper_bound) for one in told.bucket] == [(0.5, 1)]


def test_a_histogram_that_is_not_whole() -> None:
    metric = Metric("h", "H.", "histogram")
    metric.add_sample("h_bucket", {"le": "2", "a": "no infinity"}, 3)
    metric.add_sample("h_bucket", {"le": "1", "a": "no infinity"}, 1)
    metric.add_sample("h_count", {"a": "count alone"}, 7)
    metric.add_sample("h_sum", {"a": "sum alone"}, 8)
    told = {one.label[0].value: one.histogram for one in message_of(metric).metric}
    buckets = told["no infinity"].bucket
    assert [(one.upper_bound, one.cumulative_count) for one in buckets] == [(1, 1), (2, 3)]
    assert told["no infinity"].sample_count == 3
    assert not told["no infinity"].HasField("sample_sum")
    assert told["count alone"].sample_count == 7
    assert (told["sum alone"].sample_count, told["sum alone"].sample_sum) == (0, 8)


def test_a_summary_with_quantiles() -> None:
    metric = SummaryMetricFamily("s", "S.", labels=["a"])
    metric.add_metric(["b"], 3, 4.5, timestamp=7.25)
    metric.add_sample("s", {"a": "b", "quantile": "0.5"}, 1.5, 7.25)
    metric.add_sample("s", {"a": "b", "quantile": "0.9"}, 2.5, 7.25)
    metric.add_sample("s_created", {"a": "b"}, 5.5, 7.25)
    (told,) = message_of(metric).metric
    assert (told.summary.sample_count, told.summary.sample_sum) == (3, 4.5)
    quantiles = [(one.quantile, one.value) for one in told.summary.quantile]
    assert quantiles == [(0.5, 1.5), (0.9, 2.5)]
    assert seconds(told.summary, "created_timestamp") == 5.5
    assert told.timestamp_ms == 7250


def test_states_are_gauges() -> None:
    metric = StateSetMetricFamily("mode", "Mode.", {"on": True, "off": False})
    family = message_of(metric)
    assert family.type == 1
    values = {one.label[0].value: one.gauge.value for one in family.metric}
    assert values == {"on": 1, "off": 0}


def test_times_and_exemplars_of_counters() -> None:
    metric = Metric("c", "C.", "counter")
    exemplar, time = Exemplar({"trace_id": "abc"}, 3, 12.5), Timestamp(20, 5e8)
    metric.add_sample("c_total", {"a": "b"}, 7, time, exemplar)
    metric.add_sample("c_created", {"a": "b"}, 10.25, time)
    metric.add_sample("c_total", {"a": "c"}, 8, exemplar=Exemplar({}, 2))
    first, second = message_of(metric).metric
    assert first.timestamp_ms == 20500
    assert seconds(first.counter, "created_timestamp") == 10.25
    assert exemplar_of(first.counter) == ({"trace_id": "abc"}, 3, 12.5)
    assert not second.HasField("timestamp_ms")
    assert not second.counter.HasField("created_timestamp")
    assert exemplar_of(second.counter) == ({}, 2, None)


def test_one_series_at_two_times() -> None:
    metric = Metric("g", "G.", "gauge")
    for time in (1.0, 2.0, -1.5):
        metric.add_sample("g", {}, time * 10, time)
    told = [(one.timestamp_ms, one.gauge.value) for one in message_of(metric).metric]
    assert told == [(1000, 10), (2000, 20), (-1500, -15)]


def test_samples_with_strange_names_are_shown() -> None:
    metric = Metric("thing", "Thing.", "gauge")
    metric.add_sample("thing", {}, 1)
    metric.add_sample("thing_total", {"a": "b"}, 2)
    metric.add_sample("other", {}, 3)
    families = decoded(Custom(metric))
    assert samples_of(families) == {
        ("thing", frozenset()): (1, None),
        ("thing_total", frozenset({("a", "b")})): (2, None),
        ("other", frozenset()): (3, None),
    }
    assert {name: family.type for name, family in families.items()} == {
        "thing": 1,
        "thing_total": 3,
        "other": 3,
    }


def custom_native(**changes: Any) -> Any:
    return samples.NativeHistogram(
        24,
        100.5,
        0,
        0.001,
        4,
        (samples.BucketSpan(0, 2), samples.BucketSpan(1, 2)),
        (samples.BucketSpan(-3, 2),),
        (2, 1, -3, 3),
        (5, -2),
        (Exemplar({"a": "b"}, 0.5, 9.5), Exemplar({"no": "time"}, 0.5)),
    )._replace(**changes)


@needs_native
def test_native_histograms_of_custom_collectors() -> None:
    metric = Metric("h", "H.", "histogram")
    metric.add_sample("h", {"a": "b"}, 0, native_histogram=custom_native())
    (told,) = message_of(metric).metric
    native = told.histogram
    assert (native.sample_count, native.sample_sum, native.schema) == (24, 100.5, 0)
    assert (native.zero_threshold, native.zero_count) == (0.001, 4)
    assert [(one.offset, one.length) for one in native.positive_span] == [(0, 2), (1, 2)]
    assert [(one.offset, one.length) for one in native.negative_span] == [(-3, 2)]
    assert list(native.positive_delta) == [2, 1, -3, 3]
    assert list(native.negative_delta) == [5, -2]
    assert list(native.bucket) == []
    # Prometheus takes none without a time.
    assert [one.value for one in native.exemplars] == [0.5]
    assert seconds(native.exemplars[0], "timestamp") == 9.5


@needs_native
def test_native_histograms_of_fractions() -> None:
    metric = Metric("h", "H.", "histogram")
    fractions = custom_native(count_value=24.0, pos_deltas=(2.5, 0.5, -3.0, 3.0))
    metric.add_sample("h", {}, 0, native_histogram=fractions)
    native = message_of(metric).metric[0].histogram
    assert not native.HasField("sample_count")
    assert (native.sample_count_float, native.zero_count_float) == (24, 4)
    assert list(native.positive_count) == [2.5, 3, 0, 3]
    assert list(native.negative_count) == [5, 3]
    assert not native.positive_delta
    assert not native.negative_delta


@needs_native
def test_a_custom_native_histogram_of_nothing_is_no_classic_one() -> None:
    metric = Metric("h", "H.", "histogram")
    metric.add_sample("h", {}, 0, native_histogram=samples.NativeHistogram(0, 0, 3, 0, 0))
    native = message_of(metric).metric[0].histogram
    assert [(one.offset, one.length) for one in native.positive_span] == [(0, 0)]


def test_a_native_histogram_of_nothing_is_no_classic_one(monitor: vs.Monitor) -> None:
    @monitor.operation("never called")
    def never() -> None: ...

    (told,) = decoded(monitor.registry)["operation_duration_seconds"].metric
    assert [(one.offset, one.length) for one in told.histogram.positive_span] == [(0, 0)]
    assert told.histogram.sample_count == 0


def test_a_unit_that_the_name_does_not_end_in_is_left_out() -> None:
    family = Metric("size", "Size.", "gauge")
    family.unit = "bytes"
    family.add_sample("size", {}, 1)
    # Prometheus would refuse the whole scrape.
    assert message_of(family).unit == ""
    counter = CounterMetricFamily("read_bytes", "Read.", value=1, unit="bytes")
    assert message_of(counter).unit == "bytes"


ESCAPED = {
    "allow-utf-8": ("orders.größe_total", "straße.nr"),
    "underscores": ("orders_gr__e_total", "stra_e_nr"),
    "dots": ("orders_dot_gr____e__total", "stra__e_dot_nr"),
    "values": ("U__orders_2e_gr_f6__df_e__total", "U__stra_df_e_2e_nr"),
}


@needs_escaping
@pytest.mark.parametrize("escaping", ESCAPED)
def test_names_are_escaped_as_the_scraper_asks(monitor: vs.Monitor, escaping: str) -> None:
    registry: Any = monitor.registry
    Counter("orders.größe", "Orders.", ["straße.nr"], registry=registry).labels("ä").inc(7)
    with monitor.operation("checkout", labels={"is_test": "no"}):
        pass
    name, label = ESCAPED[escaping]
    families = decoded(registry, escaping=escaping)
    (told,) = families[name].metric
    assert [(pair.name, pair.value) for pair in told.label] == [(label, "ä")]
    dots = escaping == "dots"
    ours = families["operation__duration__seconds" if dots else "operation_duration_seconds"]
    labels = [pair.name for pair in ours.metric[0].label]
    assert labels == ["component", "operation", "is__test" if dots else "is_test"]
    assert ours.unit == "seconds"


def test_names_restrict_whole_families(monitor: vs.Monitor) -> None:
    registry: Any = monitor.registry
    Gauge("mine", "Mine.", registry=registry).set(1)
    Counter("count", "Count.", registry=registry).inc()
    monitor.cache("pages").hit()
    for wanted, families in (
        (["operation_duration_seconds_count", "mine"], {"operation_duration_seconds", "mine"}),
        (["operation_duration_seconds"], {"operation_duration_seconds"}),
        (["count_created", "cache_requests_total"], {"count_total", "cache_requests_total"}),
        (["vitalspan_fold_seconds_sum"], {"vitalspan_fold_seconds"}),
        (["nothing"], set()),
    ):
        with monitor.operation("checkout"):
            pass
        assert decoded(registry, names=wanted).keys() == families


def test_only_native_histograms(
    provider: TracerProvider, clock: vs.ManualClock, registry: CollectorRegistry
) -> None:
    monitor = vs.Monitor(
        registry=registry, clock=clock, tracer_provider=provider, classic_histograms=False
    )
    for duration in (0.3, 20.0):
        with monitor.operation("checkout"):
            clock.advance(duration)
    (told,) = decoded(registry)["operation_duration_seconds"].metric
    assert not told.histogram.bucket
    # Without classic buckets the exemplars have a place of their own.
    assert [one.value for one in told.histogram.exemplars] == pytest.approx([0.3, 20.0])
    assert b"operation_duration_seconds_bucket" in monitor.generate_latest()
    monitor.configure(classic_histograms=True)
    (told,) = decoded(registry)["operation_duration_seconds"].metric
    assert not told.histogram.exemplars
    assert [one.exemplar.value for one in told.histogram.bucket if one.HasField("exemplar")] == (
        pytest.approx([0.3, 20.0])
    )
    monitor.close()


def test_an_exemplar_beyond_the_last_boundary(traced: vs.Monitor, clock: vs.ManualClock) -> None:
    with traced.operation("long"):
        clock.advance(100)
    (told,) = decoded(traced.registry)["operation_duration_seconds"].metric
    last = told.histogram.bucket[-1]
    assert (last.upper_bound, last.cumulative_count) == (math.inf, 1)
    assert last.exemplar.value == pytest.approx(100)


def test_only_classic_histograms(clock: vs.ManualClock, registry: CollectorRegistry) -> None:
    monitor = vs.Monitor(registry=registry, clock=clock, native_histograms=False)
    with monitor.operation("checkout"):
        clock.advance(0.3)
    (told,) = decoded(registry)["operation_duration_seconds"].metric
    assert not told.histogram.HasField("schema")
    assert len(told.histogram.bucket) == 21
    monitor.close()


@pytest.mark.parametrize(("most", "schema"), [(160, 3), (90, 2), (40, 1), (6, -2), (2, -4)])
def test_a_limit_of_buckets_makes_them_wider(
    clock: vs.ManualClock, registry: CollectorRegistry, most: int, schema: int
) -> None:
    monitor = vs.Monitor(registry=registry, clock=clock, native_histogram_buckets=most)
    for exponent in range(-14, 5):
        with monitor.operation("checkout"):
            clock.advance(1.01 * 2.0**exponent)
    (told,) = decoded(registry)["operation_duration_seconds"].metric
    assert told.histogram.schema == schema
    assert_native_fits(told.histogram)
    monitor.close()


def test_many_calls(clock: vs.ManualClock, monitor: vs.Monitor) -> None:
    for duration, calls in ((0.001, 3), (0.0011, 70), (0.0012, 5000), (0.5, 1)):
        for _ in range(calls):
            with monitor.operation("checkout"):
                clock.advance(duration)
    (told,) = decoded(monitor.registry)["operation_duration_seconds"].metric
    assert told.histogram.sample_count == 5074
    assert_native_fits(told.histogram)


def test_when_series_began(clock: vs.ManualClock, registry: CollectorRegistry) -> None:
    monitor = vs.Monitor(registry=registry, clock=clock)
    started = clock.wall()

    def created(name: str, kind: str) -> float | None:
        (metric,) = decoded(registry)[name].metric
        return seconds(getattr(metric, kind), "created_timestamp")

    clock.advance(10)
    with monitor.operation("checkout") as call:
        call.add("items", 1)
    monitor.cache("pages")
    for name, kind in (
        ("operation_duration_seconds", "histogram"),
        ("operation_items_total", "counter"),
    ):
        assert created(name, kind) == pytest.approx(started + 10)
    assert created("vitalspan_series_overflows_total", "counter") == pytest.approx(started)
    caches = decoded(registry)["cache_requests_total"].metric
    assert [seconds(one.counter, "created_timestamp") for one in caches] == (
        pytest.approx([started] * 2)
    )
    clock.advance(10)
    monitor.forget("checkout")
    clock.advance(10)
    with monitor.operation("checkout"):
        pass
    assert created("operation_duration_seconds", "histogram") == pytest.approx(started + 30)
    clock.advance(10)
    monitor.reset()
    assert created("operation_duration_seconds", "histogram") == pytest.approx(started + 40)
    assert created("vitalspan_series_overflows_total", "counter") == pytest.approx(started + 40)
    monitor.close()


def test_many_series_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    from vitalspan.exposition import protobuf_format

    monkeypatch.setattr(protobuf_format, "_MOST_LABELS", 3)
    registry = CollectorRegistry()
    monitor = vs.Monitor(registry=registry)
    for number in range(10):
        with monitor.operation(f"operation {number}"):
            pass
    for _ in range(2):
        assert len(decoded(registry)["operation_duration_seconds"].metric) == 10
        assert len(protobuf_format._known_labels) <= 3
    monitor.close()


def test_a_collector_with_a_bucket_that_is_no_number_is_left_out() -> None:
    metric = Metric("h", "H.", "histogram")
    metric.samples.append(Sample("h_bucket", {"le": "much"}, 3))
    registry = CollectorRegistry()
    registry.register(Custom(metric))
    monitor = vs.Monitor(registry=registry)
    families = decoded(registry)
    assert "h" not in families
    (told,) = families["vitalspan_collector_errors_total"].metric
    assert (told.label[0].value, told.counter.value) == ("Custom", 1)
    monitor.close()
