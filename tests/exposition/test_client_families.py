"""What prometheus_client collects becomes families, and the same samples again."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Enum,
    Gauge,
    Histogram,
    Info,
    Summary,
    samples,
)
from prometheus_client.core import Exemplar, Metric

from vitalspan.exposition.client_families import client_families
from vitalspan.exposition.collector import MetricConverter
from vitalspan.exposition.families import HistogramFamily, MetricFamily
from vitalspan.exposition.native_histogram import BucketSpans


def told(metric: Metric) -> set[Any]:
    return {
        (
            sample.name,
            frozenset(sample.labels.items()),
            float(sample.value),
            sample.timestamp and float(sample.timestamp),
            sample.exemplar and (tuple(sample.exemplar.labels), sample.exemplar.value),
            getattr(sample, "native_histogram", None) and str(sample.native_histogram),
        )
        for sample in metric.samples
    }


def assert_same_again(metric: Metric) -> MetricFamily:
    (family,) = client_families([metric])
    again = MetricConverter(created=True, native=True).convert(family)
    assert (again.name, again.type, again.documentation, again.unit) == (
        metric.name,
        metric.type,
        metric.documentation,
        metric.unit,
    )
    assert told(again) == told(metric)
    return family


def test_metrics_of_prometheus_client() -> None:
    registry = CollectorRegistry()
    counter = Counter("calls", "Calls.", ["who"], registry=registry)
    counter.labels("a").inc(2, exemplar={"trace_id": "abc"})
    counter.labels("b").inc()
    Gauge("depth_bytes", "Depth.", unit="bytes", registry=registry).set(-3.5)
    Summary("size", "Size.", ["who"], registry=registry).labels("a").observe(4)
    Histogram("duration", "Durations.", ["who"], registry=registry).labels("a").observe(0.3)
    Info("build", "Build.", registry=registry).info({"version": "1"})
    Enum("mode", "Mode.", states=["on", "off"], registry=registry).state("off")
    metrics = list(registry.collect())
    assert len(metrics) == 6
    for metric in metrics:
        assert_same_again(metric)


def test_metrics_of_custom_collectors() -> None:
    unknown = Metric("thing", "Thing.", "unknown")
    unknown.add_sample("thing", {"a": "b"}, 3, 12.5)
    summary = Metric("size", "Size.", "summary")
    summary.add_sample("size", {"quantile": "0.5", "a": "b"}, 2.5, 9.0)
    summary.add_sample("size_count", {"a": "b"}, 4, 9.0)
    gauge_histogram = Metric("waiting", "Waiting.", "gaugehistogram")
    gauge_histogram.add_sample("waiting_bucket", {"le": "1.0"}, 2, None, Exemplar({"x": "y"}, 0.5))
    gauge_histogram.add_sample("waiting_bucket", {"le": "+Inf"}, 5)
    gauge_histogram.add_sample("waiting_gcount", {}, 5)
    gauge_histogram.add_sample("waiting_gsum", {}, 7.5)
    for metric in (unknown, summary, gauge_histogram):
        assert_same_again(metric)


@pytest.mark.skipif(
    not hasattr(samples, "NativeHistogram"),
    reason="this prometheus_client has no native histograms",
)
def test_native_histograms() -> None:
    metric = Metric("balance", "Balances.", "histogram")
    native = samples.NativeHistogram(
        7,
        3.5,
        3,
        0.5,
        1,
        [samples.BucketSpan(0, 2), samples.BucketSpan(3, 1)],
        [samples.BucketSpan(-2, 1)],
        [1, 1, -1],
        [2],
        [Exemplar({"x": "y"}, 1.0, 5.0)],
    )
    metric.add_sample("balance", {"a": "b"}, 0, None, None, native)
    (family,) = client_families([metric])
    assert isinstance(family, HistogramFamily)
    family.classic = False
    again = MetricConverter(native=True).convert(family)
    assert told(again) == told(metric)
    (point,) = family.points
    assert point.all_labels() == {"a": "b"}
    (only,) = (family.native(one.histogram) for one in family.points)
    assert only is not None
    assert only.positive == BucketSpans(((0, 2), (3, 1)), (1, 1, -1))
    assert only.positive.counts() == {0: 1, 1: 2, 5: 1}
    # Where samples of native histograms cannot be shown, what is known of them is.
    classic = {sample[0]: sample[2] for sample in told(MetricConverter().convert(family))}
    assert classic == {"balance_bucket": 7, "balance_count": 7, "balance_sum": 3.5}
