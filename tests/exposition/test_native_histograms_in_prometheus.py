"""Native histograms of every operation of the demo, as a real Prometheus has them."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Iterator
from functools import partial
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
    is_prometheus_2,
    run_prometheus,
)
from support.waiting import wait_until
from vitalspan.artifacts.dashboard_check.panel_queries import queries_of
from vitalspan.artifacts.grafana.dashboard_files import files
from vitalspan.artifacts.grafana.queries import Queries
from vitalspan.metrics import DURATION_BOUNDARIES, OPERATION_DURATION

# What is shown to Prometheus does not depend on the version of Python.
pytestmark = pytest.mark.once

DURATION = "operation_duration_seconds"

OPERATIONS = 8
"""The demo has more than so many."""

FEATURES = ("native-histograms", "created-timestamp-zero-ingestion")

PROTOCOLS = ["PrometheusProto", "OpenMetricsText1.0.0", "PrometheusText0.0.4"]

WIDTH = 2 ** (1 / 8)
"""The upper bound of a native bucket of schema 3 by its lower one."""


def configuration(targets: dict[str, str]) -> dict[str, Any]:
    protocols = {"classic alone": ["OpenMetricsText1.0.0"]}
    return {
        "global": {"scrape_interval": "250ms", "scrape_timeout": "250ms"},
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

Samples = dict[frozenset[Any], float]


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


def filled(query: str, job: str, window: str = "5m") -> str:
    """A query of a dashboard with its variables: those but the job select everything."""
    query = re.sub(r"\[(\$__rate_interval|5m)\]", f"[{window}]", query)
    query = query.replace('"$job"', f'"{job}"')
    return re.sub(r'"\$\w+"', '".*"', query)


def durations_queries() -> list[tuple[str, str]]:
    """What dashboards ask about durations, with what they would ask of classic histograms alone."""
    native, classic = (files(native_histograms=how) for how in (True, False))
    pairs = []
    for name, text in native.items():
        asked, alone = (queries_of(json.loads(one)) for one in (text, classic[name]))
        for one, other in zip(asked, alone, strict=True):
            if one.kind == "panel" and one.text != other.text:
                pairs.append((one.text, other.text))
    return list(dict.fromkeys(pairs))


def samples_of(prometheus: PrometheusServer, query: str, at: float | None = None) -> Samples:
    """The result of a query by labels; a histogram counts as its count."""
    found: Samples = {}
    for one in prometheus.query(query, at):
        value = one["value"][1] if "value" in one else one["histogram"][1]["count"]
        found[frozenset(one["metric"].items() - {("job", one["metric"].get("job"))})] = float(value)
    return found


def classic_bucket(seconds: float) -> tuple[float, float]:
    bounds = (0.0, *DURATION_BOUNDARIES, math.inf)
    place = next(index for index, bound in enumerate(bounds) if seconds <= bound)
    return bounds[max(0, place - 1)], bounds[place]


def span_of_scrapes(prometheus: PrometheusServer) -> tuple[float, str]:
    """When a scrape was, and the range that begins a millisecond before an earlier one.

    Prometheus guesses what was counted before the first sample of a range, not quite in the same
    way for histograms of both kinds: here there is nothing to guess.
    """

    def scrapes() -> list[float]:
        (one,) = prometheus.query('scrape_duration_seconds{job="demo"}[1m]')
        return [at for at, _ in one["values"]]

    wait_until(lambda: len(scrapes()) > 6)
    first, *_, last = scrapes()[-6:]
    return last, f"{round(1000 * (last - first)) + 1}ms"


def test_dashboards_show_the_same_from_native_histograms(scene: Scene) -> None:
    pairs = durations_queries()
    assert len(pairs) > 25
    at, window = span_of_scrapes(scene.prometheus)
    shown = 0
    for ours, alone in pairs:
        native = samples_of(scene.prometheus, filled(ours, "demo", window), at)
        classic = samples_of(scene.prometheus, filled(alone, "demo", window), at)
        if ours.startswith("sum(increase("):
            # A heat map: a classic histogram has its count in the last bucket.
            classic = {frozenset[Any](): max(classic.values())}
        assert native.keys() == classic.keys(), ours
        shown += bool(native)
        for labels, value in classic.items():
            if "histogram_quantile" not in ours:
                assert native[labels] == pytest.approx(value, rel=2e-3, nan_ok=True), ours
            elif not math.isnan(value):
                lower, upper = classic_bucket(value)
                assert lower / WIDTH <= native[labels] <= upper * WIDTH, (ours, labels)
    # What compares with a day ago has no data yet.
    assert shown > 20


def test_dashboards_need_no_classic_histograms(scene: Scene) -> None:
    prometheus = scene.prometheus
    asked = [ours for ours, _ in durations_queries()]
    shown = [ours for ours in asked if samples_of(prometheus, filled(ours, "classic alone"))]
    assert len(shown) > 20
    for ours in shown:
        alone = filled(ours, "native alone")
        wait_until(partial(samples_of, prometheus, alone))
    heatmap = filled(Queries().heatmap(OPERATION_DURATION), "native alone")
    (one,) = prometheus.query(heatmap)
    assert float(one["histogram"][1]["count"]) > 0


def test_variables_of_dashboards_need_no_classic_histograms(scene: Scene) -> None:
    selector = filled(Queries().seen_calls(("job",)), "native alone")
    found = scene.prometheus.api("label/operation/values", **{"match[]": selector})
    assert len(found) >= OPERATIONS


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
