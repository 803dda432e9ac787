"""Native histograms of every operation of the demo, as a real Prometheus has them."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from prometheus_client import CollectorRegistry, samples
from prometheus_client.core import GaugeHistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar

import vitalspan as vs
from support.demo_program import running
from support.prometheus_server import (
    PrometheusServer,
    prometheus_binary,
    run_prometheus,
)
from support.waiting import wait_until
from vitalspan.artifacts.grafana.queries import Queries

# What is shown to Prometheus does not depend on the version of Python.
pytestmark = pytest.mark.once

DURATION = "operation_duration_seconds"

OPERATIONS = 8
"""The demo has more than so many."""

FEATURES = ("native-histograms", "created-timestamp-zero-ingestion")

PROTOCOLS = ["PrometheusProto", "OpenMetricsText1.0.0", "PrometheusText0.0.4"]

WIDTH = 2 ** (1 / 8)
"""The upper bound of a native bucket of schema 3 by its lower one."""


def is_prometheus_2() -> bool:
    version = subprocess.run(
        [prometheus_binary(), "--version"], capture_output=True, text=True, check=True
    )
    return "version 2." in version.stdout + version.stderr


def configuration(targets: dict[str, str]) -> dict[str, Any]:
    protocols = {"classic alone": ["OpenMetricsText1.0.0"]}
    return {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [
            {
                "job_name": job,
                "always_scrape_classic_histograms": job != "native alone",
                "scrape_protocols": protocols.get(job, PROTOCOLS),
                "static_configs": [{"targets": [address]}],
            }
            for job, address in targets.items()
        ],
    }


class Custom(Collector):
    """Histograms of a custom collector: a native one with negative observations, and a gauge."""

    def collect(self) -> Iterator[Metric]:
        metric = Metric("balance_dollars", "Balances.", "histogram", "dollars")
        native = samples.NativeHistogram(
            23,
            100.5,
            0,
            0.001,
            4,
            (samples.BucketSpan(0, 2), samples.BucketSpan(1, 2)),
            (samples.BucketSpan(1, 2),),
            (2, 1, -1, 3),
            (3, 1),
            (Exemplar({"trace_id": "abc"}, 0.5, time.time()),),
        )
        metric.add_sample("balance_dollars", {"bank": "ours"}, 0, native_histogram=native)
        yield metric
        yield GaugeHistogramMetricFamily(
            "waiting_seconds", "Waiting.", [("1.0", 2), ("+Inf", 5)], 7.5, unit="seconds"
        )


class Scene(NamedTuple):
    prometheus: PrometheusServer
    at: float
    """A time at which all samples of the demo are of the same scrapes."""

    def by_labels(self, promql: str) -> dict[Labels, float]:
        """The values of a query by the labels that an operation has."""
        return {
            labels_of(one): float(one["value"][1]) for one in self.prometheus.query(promql, self.at)
        }


Labels = frozenset[tuple[str, str]]


def labels_of(sample: dict[str, Any]) -> Labels:
    return frozenset(
        (name, value)
        for name, value in sample["metric"].items()
        if name not in {"__name__", "instance", "le"}
    )


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    if is_prometheus_2():
        pytest.skip("Prometheus 2.42 cannot have both kinds of a histogram")
    registry = CollectorRegistry()
    registry.register(Custom())
    with (
        running("--rate", "60", "--phase-seconds", "2") as demo,
        vs.start_http_server(0, registry=registry) as server,
    ):
        address = urlsplit(demo.url).netloc
        targets = {
            "demo": address,
            "native alone": address,
            "classic alone": address,
            "custom": f"127.0.0.1:{server.port}",
        }
        home = tmp_path_factory.mktemp("prometheus")
        with run_prometheus(configuration(targets), home, *FEATURES) as prometheus:
            called = f'count({DURATION}_count{{job="demo"}} > 0)'
            wait_until(lambda: (prometheus.value(called) or 0) >= OPERATIONS)
            wait_until(lambda: prometheus.query('balance_dollars{job="custom"}'), timeout=30)
            yield Scene(prometheus, time.time())


def test_the_targets_are_up(scene: Scene) -> None:
    targets = scene.prometheus.targets()
    errors = {target["labels"]["job"]: target["lastError"] for target in targets}
    jobs = ("demo", "native alone", "classic alone", "custom")
    assert errors == dict.fromkeys(jobs, "")


def test_counts_and_sums_are_those_of_the_classic_histograms(scene: Scene) -> None:
    for part in ("count", "sum"):
        native = scene.by_labels(f'histogram_{part}({DURATION}{{job="demo"}})')
        classic = scene.by_labels(f'{DURATION}_{part}{{job="demo"}}')
        assert native == classic
        assert len(classic) >= OPERATIONS


@pytest.mark.parametrize("quantile", [0.01, 0.5, 0.9, 0.99])
def test_quantiles_are_those_of_the_classic_histograms_within_a_bucket(
    scene: Scene, quantile: float
) -> None:
    native = scene.by_labels(f'histogram_quantile({quantile}, {DURATION}{{job="demo"}})')
    buckets = f'{DURATION}_bucket{{job="demo"}}'
    counts = scene.by_labels(f'{DURATION}_count{{job="demo"}} > 0')
    assert native.keys() >= counts.keys()
    classic: dict[Labels, list[tuple[float, float]]] = {labels: [] for labels in counts}
    for one in scene.prometheus.query(buckets, scene.at):
        if labels_of(one) in classic:
            bucket = float(one["metric"]["le"]), float(one["value"][1])
            classic[labels_of(one)].append(bucket)
    for labels, count in counts.items():
        rank, bounds = quantile * count, sorted(classic[labels])
        lower = max((bound for bound, cumulative in bounds if cumulative < rank), default=0.0)
        # Where the rank is just between two buckets, the native histogram may take the next one.
        upper = min(bound for bound, cumulative in bounds if cumulative > rank)
        # The native bucket around a boundary of the classic ones is partly beyond it.
        assert lower / WIDTH <= native[labels] <= upper * WIDTH, labels


def test_native_histograms_alone_have_no_classic_series(scene: Scene) -> None:
    prometheus = scene.prometheus
    wait_until(lambda: prometheus.query(f'{DURATION}{{job="native alone"}}'))
    for part in ("bucket", "count", "sum"):
        assert not prometheus.query(f'{DURATION}_{part}{{job="native alone"}}')


def test_rates_over_instances(scene: Scene) -> None:
    prometheus = scene.prometheus
    query = f"sum by (operation) (rate({DURATION}[1m]))"
    wait_until(lambda: len(prometheus.query(f"histogram_count({query}) > 0")) >= OPERATIONS)
    found = prometheus.query(f"histogram_quantile(0.9, {query})")
    assert len({one["metric"]["operation"] for one in found}) >= OPERATIONS


def test_dashboards_take_native_histograms_where_they_are(scene: Scene) -> None:
    prometheus = scene.prometheus
    query = Queries().signal("latency_p95", (), by=("component", "operation"), over="1m")
    jobs = {"demo", "native alone", "classic alone"}

    def by_job() -> dict[str, dict[str, float]]:
        found: dict[str, dict[str, float]] = {job: {} for job in jobs}
        for one in prometheus.query(query):
            if one["metric"]["job"] in jobs and one["value"][1] != "NaN":
                found[one["metric"]["job"]][one["metric"]["operation"]] = float(one["value"][1])
        return found

    found = wait_until(
        lambda: found if min(map(len, (found := by_job()).values())) >= OPERATIONS else None
    )
    assert found is not None
    native = "histogram_quantile(0.95, sum by (job, operation) (rate(DURATION[1m])))"
    assert "or histogram_quantile" in query
    at = time.time()
    expected = prometheus.query(native.replace("DURATION", f'{DURATION}{{job="demo"}}'), at)
    asked = prometheus.query(query, at)
    told = {
        one["metric"]["operation"]: one["value"][1]
        for one in asked
        if one["metric"]["job"] == "demo"
    }
    assert told == {one["metric"]["operation"]: one["value"][1] for one in expected}


def test_exemplars_of_native_histograms(scene: Scene) -> None:
    series = wait_until(lambda: scene.prometheus.series_exemplars(f'{DURATION}{{job="demo"}}'))
    exemplars = [exemplar for one in series for exemplar in one["exemplars"]]
    assert all(len(exemplar["labels"]["trace_id"]) == 32 for exemplar in exemplars)


def test_histograms_of_custom_collectors(scene: Scene) -> None:
    prometheus = scene.prometheus
    assert prometheus.value("histogram_count(balance_dollars)") == 23
    assert prometheus.value("histogram_sum(balance_dollars)") == 100.5
    # 3 are from -2 to -1 and 4 from -4 to -2, so a tenth of 23 is below -2.
    lowest = prometheus.value("histogram_quantile(0.1, balance_dollars)")
    assert lowest is not None
    assert -4 <= lowest <= -2
    assert prometheus.value('waiting_seconds_bucket{le="1.0"}') == 2


def test_series_begin_at_zero_when_they_were_created(scene: Scene) -> None:
    series = scene.prometheus.query(f'{DURATION}_count{{job="demo"}}[10m]', scene.at)
    assert len(series) >= OPERATIONS
    for one in series:
        (created, first), (scraped, _), *_ = one["values"]
        assert first == "0", one["metric"]
        assert created < scraped


def test_metadata_arrives(scene: Scene) -> None:
    (told,) = scene.prometheus.api("targets/metadata", match_target='{job="demo"}', metric=DURATION)
    assert (told["type"], told["unit"]) == ("histogram", "seconds")
