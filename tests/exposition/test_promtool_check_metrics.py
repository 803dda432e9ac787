from __future__ import annotations

import prometheus_client
import pytest
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CollectorRegistry

import vitalspan as vs
from support.everything import do_everything
from support.prometheus_server import prometheus_binary
from support.promtool import promtool
from vitalspan.exposition.generate import generate_latest

pytestmark = pytest.mark.prometheus2


def lint(text: bytes) -> str:
    """What `promtool check metrics` finds in the classic text format."""
    return promtool("check", "metrics", given=text)


@pytest.mark.parametrize("prefix", ["", "shop_", "acme_shop_"])
def test_promtool_finds_nothing(
    registry: CollectorRegistry, clock: vs.ManualClock, provider: TracerProvider, prefix: str
) -> None:
    monitor = vs.Monitor(
        registry=registry, clock=clock, tracer_provider=provider, metric_prefix=prefix
    )
    do_everything(monitor, clock)
    text = generate_latest(registry)
    monitor.close()
    assert f"{prefix}operation_memory_growth_bytes_total" in text.decode()
    assert "system_cpu_seconds_total" in text.decode()
    assert lint(text) == ""


def test_weird_values_parse(registry: CollectorRegistry, monitor: vs.Monitor) -> None:
    for value in ('a"b', "a\\", "a\nb", "%d", "\x00", "\ud800", "\r", "\u2028", "é" * 1000, ""):
        with monitor.operation(value, component=value, labels={"tier": value}) as call:
            call.add("items", 2**70)
        monitor.cache(value).hit()
        monitor.api(value).record(tokens=1e300)
    assert lint(generate_latest(registry)) == ""


def test_the_default_registry() -> None:
    prometheus_binary("promtool")
    monitor = vs.Monitor()
    try:
        with monitor.operation("f"):
            pass
        text = generate_latest()
    finally:
        monitor.close()
    assert b"process_resident_memory_bytes" in text
    assert lint(text) == ""


def test_promtool_would_find_something(registry: CollectorRegistry) -> None:
    prometheus_client.Gauge("apples_total", "", registry=registry)
    assert "apples_total" in lint(generate_latest(registry))
