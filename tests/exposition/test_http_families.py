"""OpenTelemetry's metrics of HTTP requests, made of the series of their operations."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families

import vitalspan as vs
from vitalspan.metrics import HTTP_REQUEST_BOUNDARIES

SERVER = {"method": "GET", "route": "/orders", "status": "200", "scheme": "http"}
NAME = "http_server_request_duration_seconds"
LABELS = {
    "http_request_method": "GET",
    "http_route": "/orders",
    "http_response_status_code": "200",
    "url_scheme": "http",
}


def record(monitor: vs.Monitor, clock: vs.ManualClock, seconds: float, **labels: str) -> None:
    with monitor.operation("GET /orders", labels={**SERVER, **labels}):
        clock.advance(seconds)


def test_its_buckets_are_exact_sums_of_ours(
    monitor: vs.Monitor, clock: vs.ManualClock, registry: CollectorRegistry
) -> None:
    durations = [0.0001, 0.004, 0.006, 0.3, 2.4, 9.0, 11.0, 400.0]
    for seconds in durations:
        record(monitor, clock, seconds)
    for bound in HTTP_REQUEST_BOUNDARIES:
        bucket = registry.get_sample_value(f"{NAME}_bucket", {**LABELS, "le": str(bound)})
        assert bucket == sum(seconds <= bound for seconds in durations)
    assert registry.get_sample_value(f"{NAME}_count", LABELS) == len(durations)
    assert registry.get_sample_value(f"{NAME}_sum", LABELS) == pytest.approx(sum(durations))
    # What is counted afterwards is seen.
    record(monitor, clock, 1.0)
    assert registry.get_sample_value(f"{NAME}_count", LABELS) == len(durations) + 1


def test_labels_of_the_programs_own_stay(
    monitor: vs.Monitor, clock: vs.ManualClock, registry: CollectorRegistry
) -> None:
    record(monitor, clock, 1.0, tenant="acme", status="503")
    more = {"http_response_status_code": "503", "error_type": "503", "tenant": "acme"}
    assert registry.get_sample_value(f"{NAME}_count", {**LABELS, **more}) == 1


def test_other_operations_are_none_of_its(
    monitor: vs.Monitor, clock: vs.ManualClock, registry: CollectorRegistry
) -> None:
    for labels in ({"scheme": "red"}, {"method": "GET", "status": "200"}, SERVER):
        with monitor.operation("paint", labels=labels):
            clock.advance(1.0)
    assert NAME not in vs.generate_latest(registry).decode()


def test_buckets_that_ours_do_not_have_are_left_out(
    clock: vs.ManualClock, registry: CollectorRegistry
) -> None:
    monitor = vs.Monitor(registry=registry, clock=clock, buckets=(0.1, 3, 10), system_metrics=False)
    record(monitor, clock, 0.05)
    lines = vs.generate_latest(registry).decode().splitlines()
    bounds = [
        line.partition('le="')[2].partition('"')[0]
        for line in lines
        if line.startswith(f"{NAME}_bucket")
    ]
    assert bounds == ["0.1", "10.0", "+Inf"]
    monitor.close()


def test_exemplars_lead_to_the_spans(
    traced: vs.Monitor, clock: vs.ManualClock, registry: CollectorRegistry, provider: TracerProvider
) -> None:
    record(traced, clock, 0.02)
    text = vs.generate_latest(registry, format=vs.Format.OPENMETRICS_1_0_0).decode()
    [family] = [one for one in text_string_to_metric_families(text) if one.name == NAME]
    exemplars = [sample.exemplar for sample in family.samples if sample.exemplar]
    assert [exemplar.value for exemplar in exemplars] == [pytest.approx(0.02)]


def test_series_that_are_forgotten_are_shown_no_more(
    monitor: vs.Monitor, clock: vs.ManualClock, registry: CollectorRegistry
) -> None:
    record(monitor, clock, 1.0)
    assert registry.get_sample_value(f"{NAME}_count", LABELS) == 1
    monitor.forget("GET /orders")
    assert NAME not in vs.generate_latest(registry).decode()
