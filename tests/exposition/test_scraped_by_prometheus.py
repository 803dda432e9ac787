"""End to end: operations, the HTTP server, a real Prometheus, and its answers."""

from __future__ import annotations

import asyncio
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

import vitalspan as vs
from support.prometheus_server import (
    PrometheusServer,
    prometheus_binary,
    run_prometheus,
)
from support.waiting import wait_until

pytestmark = pytest.mark.prometheus2

JOBS = ("direct", "openmetrics", "plain")
PLAIN = "text/plain;version=0.0.4"


class Relay:
    """Hands a target's answers on, and notes what was asked for and what came.

    Args:
        target: the address whose answers are handed on.
        accept: what is asked for, instead of what Prometheus asks for.
    """

    def __init__(self, target: str, accept: str | None = None) -> None:
        self.target = target
        self.accept = accept
        self.seen: list[tuple[str, str]] = []
        relay = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                accept = relay.accept or self.headers["Accept"]
                asked = urllib.request.Request(relay.target, headers={"Accept": accept})
                with urllib.request.urlopen(asked, timeout=30) as answer:
                    body, kind = answer.read(), answer.headers["Content-Type"]
                relay.seen.append((accept, kind))
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class HistoryView(NamedTuple):
    prometheus: PrometheusServer
    monitor: vs.Monitor
    clock: vs.ManualClock
    spans: InMemorySpanExporter
    relays: dict[str, Relay]


WEIRD = 'a"b\\c\nd%se\r\x0c\x00\u2028é😀'


def record(monitor: vs.Monitor, clock: vs.ManualClock) -> None:
    @monitor.operation("checkout", labels={"tier": "gold"})
    def checkout(seconds: float) -> None:
        clock.advance(seconds)

    for hundredths in range(1, 101):
        checkout(hundredths / 100)

    @monitor.operation(component="payments")
    def pay(error: type[BaseException] | None) -> None:
        clock.advance(0.003)
        if error is not None:
            raise error

    for error in (None, None, ValueError, ValueError, KeyError):
        with suppress(Exception):
            pay(error)

    @monitor.operation("fetch")
    async def fetch() -> None:
        clock.advance(12)
        raise asyncio.CancelledError

    for _ in range(3):
        with suppress(asyncio.CancelledError):
            asyncio.run(fetch())

    cache, api = monitor.cache("pages"), monitor.api("openai")
    for number in range(10):
        cache.hit() if number < 7 else cache.miss()
        api.record(tokens=100, cost=0.25, error="overloaded" if number < 2 else None)
    with monitor.operation("parse", labels={"content": WEIRD}) as call:
        call.add("items", 25)
        call.add("bytes", 2**60)
    monitor.operation("stuck").__enter__()
    clock.advance(77)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HistoryView]:
    prometheus_binary()
    registry, spans = CollectorRegistry(), InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    clock = vs.ManualClock(wall=time.time() - 600)
    monitor = vs.Monitor(registry=registry, clock=clock, tracer_provider=provider)
    record(monitor, clock)
    relays = {}
    with vs.start_http_server(0, registry=registry) as server:
        url = f"http://127.0.0.1:{server.port}/metrics"
        try:
            relays = {"openmetrics": Relay(url), "plain": Relay(url, PLAIN)}
            ports = {"direct": server.port}
            ports |= {job: relay.server.server_port for job, relay in relays.items()}
            config = {
                "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
                "scrape_configs": [
                    {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
                    for job, port in ports.items()
                ],
            }
            with run_prometheus(config, tmp_path_factory.mktemp("prometheus")) as prometheus:
                wait_until(lambda: prometheus.value("sum(up)") == len(JOBS))
                yield HistoryView(prometheus, monitor, clock, spans, relays)
        finally:
            for relay in relays.values():
                relay.close()
    monitor.close()
    provider.shutdown()


def test_the_targets_are_up(scene: HistoryView) -> None:
    targets = scene.prometheus.targets()
    assert {target["labels"]["job"] for target in targets} == set(JOBS)
    assert [(target["health"], target["lastError"]) for target in targets] == [("up", "")] * 3


EXACT = {
    'operation_duration_seconds_count{operation="checkout",tier="gold"}': 100,
    'operation_duration_seconds_bucket{operation="checkout",le="+Inf"}': 100,
    'operation_duration_seconds_count{component="payments"}': 5,
    'operation_duration_seconds_count{operation="fetch"}': 3,
    'operation_duration_seconds_sum{operation="fetch"}': 36,
    'operation_errors_total{component="payments",error_type="ValueError"}': 2,
    'operation_errors_total{component="payments",error_type="KeyError"}': 1,
    "sum(operation_errors_total)": 3,
    'operation_cancellations_total{operation="fetch"}': 3,
    "sum(operation_cancellations_total)": 3,
    'operation_in_progress{operation="stuck"}': 1,
    "sum(operation_in_progress)": 1,
    'operation_oldest_in_progress_seconds{operation="stuck"}': 77,
    'operation_items_total{operation="parse"}': 25,
    'operation_bytes_total{operation="parse"}': 2**60,
    'cache_requests_total{cache="pages",result="hit"}': 7,
    'cache_requests_total{cache="pages",result="miss"}': 3,
    'api_calls_total{api="openai",outcome="ok"}': 8,
    'api_calls_total{api="openai",outcome="error"}': 2,
    'api_tokens_total{api="openai"}': 1000,
    'api_cost_dollars_total{api="openai"}': 2.5,
    "sum(vitalspan_internal_errors_total)": 0,
    "vitalspan_series": 5,
}


@pytest.mark.parametrize("job", JOBS)
def test_counts_are_exact(scene: HistoryView, job: str) -> None:
    found = {}
    for query in EXACT:
        function, brace, inner = query.partition("{")
        if query.startswith("sum("):
            asked = f'{query[:-1]}{{job="{job}"}})'
        else:
            asked = f'{function}{{job="{job}",{inner}' if brace else f'{query}{{job="{job}"}}'
        found[query] = scene.prometheus.value(asked)
    assert found == pytest.approx(EXACT)


@pytest.mark.parametrize("job", JOBS)
def test_label_values_arrive_as_they_were(scene: HistoryView, job: str) -> None:
    (series,) = scene.prometheus.query(f'operation_items_total{{job="{job}"}}')
    assert series["metric"]["content"] == WEIRD


def test_both_formats_bring_the_same(scene: HistoryView) -> None:
    names = '__name__=~"operation_.+|cache_.+|api_.+|vitalspan_.+"'

    def samples(job: str) -> dict[frozenset[tuple[str, str]], str]:
        return {
            frozenset((k, v) for k, v in one["metric"].items() if k not in ("job", "instance")): (
                one["value"][1]
            )
            for one in scene.prometheus.query(f'{{job="{job}",{names}}}')
        }

    # Scrapes that come while another one folds may differ in what the library tells of itself.
    assert samples("plain") == samples("openmetrics") == samples("direct")


@pytest.mark.parametrize("job", JOBS)
@pytest.mark.parametrize(
    ("quantile", "low", "high"), [(0.5, 0.25, 0.5), (0.95, 0.75, 1.0), (0.05, 0.025, 0.05)]
)
def test_quantiles_fit_the_durations(
    scene: HistoryView, job: str, quantile: float, low: float, high: float
) -> None:
    buckets = f'operation_duration_seconds_bucket{{job="{job}",operation="checkout"}}'
    found = scene.prometheus.value(f"histogram_quantile({quantile}, sum by (le) ({buckets}))")
    assert found is not None
    assert low <= found <= high
    # A hundred durations, evenly from 0.01 to 1 s.
    assert found == pytest.approx(quantile, abs=0.01)


def test_exemplars_lead_to_spans(scene: HistoryView) -> None:
    query = 'operation_duration_seconds_bucket{job="direct"}'
    series = wait_until(lambda: scene.prometheus.series_exemplars(query))
    spans = {}
    for span in scene.spans.get_finished_spans():
        context = span.get_span_context()
        assert context is not None
        spans[f"{context.trace_id:032x}", f"{context.span_id:016x}"] = span
    seen = set()
    for one in series:
        labels = one["seriesLabels"]
        for exemplar in one["exemplars"]:
            ids = exemplar["labels"]
            span = spans[ids["trace_id"], ids["span_id"]]
            assert span.name == labels["operation"]
            assert float(exemplar["value"]) <= float(labels["le"])
            seen.add((labels["operation"], labels["le"]))
    checkout = {float(le) for operation, le in seen if operation == "checkout"}
    assert checkout == {0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0}
    assert ("fetch", "30.0") in seen
    assert ("record.<locals>.pay", "0.005") in seen


def test_plain_text_has_no_exemplars(scene: HistoryView) -> None:
    query = 'operation_duration_seconds_bucket{job="plain"}'
    assert scene.prometheus.series_exemplars(query) == []


def test_openmetrics_is_negotiated(scene: HistoryView) -> None:
    accept, kind = scene.relays["openmetrics"].seen[-1]
    assert "application/openmetrics-text" in accept
    assert kind.startswith("application/openmetrics-text; version=1.0.0; charset=utf-8")
    accept, kind = scene.relays["plain"].seen[-1]
    assert kind == "text/plain; version=0.0.4; charset=utf-8"


def test_metadata_arrives(scene: HistoryView) -> None:
    metadata = scene.prometheus.api("metadata", metric="operation_duration_seconds")
    kinds = {one["type"] for one in metadata["operation_duration_seconds"]}
    assert kinds == {"histogram"}
    (one,) = scene.prometheus.api(
        "targets/metadata", match_target='{job="direct"}', metric="operation_duration_seconds"
    )
    assert one["unit"] == "seconds"


def test_system_metrics_arrive(scene: HistoryView) -> None:
    for name in ("process_resident_memory_bytes", "system_memory_size_bytes", "python_info"):
        assert scene.prometheus.value(f'{name}{{job="direct"}}')


def test_later_calls_arrive_exactly(scene: HistoryView) -> None:
    count = 'operation_duration_seconds_count{job="direct",operation="later"}'
    for number in range(1, 4):
        for _ in range(37):
            with scene.monitor.operation("later"):
                scene.clock.advance(0.02)
        wait_until(lambda total=37 * number: scene.prometheus.value(count) == total)  # type: ignore[misc]
