"""A real database takes what is pushed, and has the series that a scrape would have given it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, Summary

import vitalspan as vs
from support.everything import Broken, do_everything
from support.prometheus_server import prometheus_binary
from support.victoriametrics import VictoriaMetrics
from support.waiting import wait_until
from vitalspan.bridge.otlp.exporter import OtlpExporter, make_transport
from vitalspan.bridge.otlp.registry_source import RegistrySource
from vitalspan.bridge.otlp.settings import OtlpSettings

pytestmark = pytest.mark.once

Series = frozenset[tuple[str, str]]


class OtlpDatabase(VictoriaMetrics):
    """A VictoriaMetrics whose answers have what has just arrived."""

    def flags(self) -> list[str]:
        return [*super().flags(), "-search.latencyOffset=0", "-inmemoryDataFlushInterval=200ms"]

    def series(self) -> dict[Series, float]:
        """Every series with its value now; attributes of the resource are left out."""
        return {
            series(one["metric"]): float(one["value"][1]) for one in self.query('{__name__!=""}')
        }


def series(labels: dict[str, str]) -> Series:
    """Labels with boundaries as numbers; where they came from is left out."""
    return frozenset(
        (name, repr(float(value)) if name == "le" else value)
        for name, value in labels.items()
        if not name.startswith(("service.", "service_", "scope", "otel_scope")) and name != "job"
    )


@pytest.fixture
def database(tmp_path: Path) -> Iterator[OtlpDatabase]:
    with OtlpDatabase(prometheus_binary("victoria-metrics"), {}, tmp_path) as running:
        yield running


def push(database: OtlpDatabase, registry: CollectorRegistry) -> OtlpExporter:
    """Push what the registry has; return the exporter, for another push."""
    variables = {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"{database.url}/opentelemetry/v1/metrics"}
    settings = OtlpSettings.from_environment(variables)
    clock = vs.SystemClock()
    transport = make_transport(settings, clock)
    exporter = OtlpExporter([RegistrySource(registry)], transport, settings, clock)
    push_again(exporter)
    return exporter


def push_again(exporter: OtlpExporter) -> None:
    before = exporter.sender.points["accepted"]
    exporter.export()
    exporter.send()
    assert exporter.sender.points["rejected"] == exporter.sender.points["dropped"] == 0
    assert exporter.sender.points["accepted"] > before


def test_a_push_is_worth_a_scrape(
    database: OtlpDatabase, registry: CollectorRegistry, clock: vs.ManualClock
) -> None:
    monitor = vs.Monitor(registry=registry, clock=clock, system_metrics=False)
    do_everything(monitor, clock)
    [broken] = [one for one in registry._collector_to_names if isinstance(one, Broken)]
    registry.unregister(broken)
    Counter("orders", "help", ["kind"], registry=registry).labels("x").inc(3)
    Summary("wait", "help", registry=registry).observe(4)
    exporter = push(database, registry)
    wanted = {
        series({**sample.labels, "__name__": sample.name}): sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if not sample.name.endswith("_created")
        # Empty labels and the text of large bounds are not kept as they are.
        and not sample.name.startswith(("vitalspan_fold", "gen_ai_"))
    }
    wait_until(lambda: database.series().keys() >= wanted.keys())
    found = database.series()
    # The database keeps a dozen digits.
    assert {key: found[key] for key in wanted} == pytest.approx(wanted, rel=1e-9)
    # What is gone is stale at once, not five minutes later.
    monitor.forget("work")
    push_again(exporter)
    wait_until(lambda: not database.query('operation_duration_seconds_count{operation="work"}'))
    assert database.query("orders_total")
    monitor.close()
