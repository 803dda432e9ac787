"""`vitalspan rules check --against`: are there series for each rule?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, generate_latest

import vitalspan as vs
from support.backfill import BackfilledServer
from vitalspan.artifacts.rule_series import ScrapedSeries, findings
from vitalspan.cli.main import main
from vitalspan.labels import label_text
from vitalspan.rules.file.load import parse

RULES = """
slos:
  - {name: good, where: {operation: checkout}, objective: 99%}
  - {name: bad, where: {operation: chekout}, objective: 99%}
groups:
  - name: shop
    rules:
      - {alert: Fine, signal: error_ratio, where: {operation: checkout}, above: 5%}
      - {alert: NoOperation, signal: latency_p95, where: {operation: chekout}, above: 1s}
      - {alert: NoComponent, signal: rate, where: {component: =~pay.*}, above: 1}
      - {alert: NoMetric, series: refusal_total, above: 1}
      - {alert: NoLabel, series: orders_total, where: {knd: stock}, above: 1}
      - {alert: NoErrorsYet, series: operation_errors_total, above: 0}
      - {alert: NoRefusalsYet, series: refusals_total, derive: {increase: 1d}, above: 5}
      - {alert: NoSuchKindYet, series: orders_total, where: {kind: book}, above: 1}
      - {alert: NoMeasureYet, signal: measure_rate, measure: retries, above: 1}
      - {alert: NoMeasure, signal: measure_rate, measure: itms, above: 1}
      - {alert: Health, signal: health_score, below: 50}
  - name: promql
    rules:
      - {record: "job:orders:rate5m", expr: "sum(rate(orders_total[5m]))"}
      - {alert: Recorded, expr: "job:orders:rate5m > 1 unless ALERTS"}
      - {alert: NoMetricInExpression, expr: "oders_total > 1"}
"""

MISTAKES = {
    "bad": "there is no operation chekout: did you mean checkout?",
    "NoOperation": "there is no operation chekout: did you mean checkout?",
    "NoComponent": "no component matches pay.*",
    "NoMetric": "there is no metric refusal_total: did you mean refusals_total?",
    "NoLabel": "no series of orders_total has a label knd: did you mean kind?",
    "NoMeasure": "there is no metric operation_itms_total: did you mean operation_items_total?",
    "NoMetricInExpression": "there is no metric oders_total: did you mean orders_total?",
}
QUIET = {
    "NoErrorsYet": "operation_errors_total has no series yet",
    "NoRefusalsYet": "refusals_total has no series yet",
    "NoSuchKindYet": 'no series is orders_total{kind="book"} yet',
    "NoMeasureYet": "operation_retries_total has no series yet",
}


def shop() -> CollectorRegistry:
    """The metrics of a shop in which nothing has gone wrong yet."""
    registry = CollectorRegistry()
    monitor = vs.Monitor(registry=registry, system_metrics=False)
    with monitor.operation("checkout") as call:
        call.add("items", 3)
    Counter("refusals", "Refused orders.", ["kind"], registry=registry)
    Counter("orders", "Orders.", ["kind"], registry=registry).labels("toy").inc()
    return registry


def exposition() -> bytes:
    """What a scrape of the shop is."""
    return generate_latest(shop())


@pytest.fixture
def endpoint() -> Iterator[str]:
    server = vs.start_http_server(0, registry=shop())
    yield f"http://127.0.0.1:{server.port}/metrics"
    server.close()


def status(*arguments: object) -> object:
    try:
        return main([str(one) for one in arguments])
    except SystemExit as exit_:
        return exit_.code


def test_what_is_missing_in_a_scrape() -> None:
    found = list(findings(parse(RULES), ScrapedSeries(exposition().decode())))
    assert {one.name: one.problem for one in found if one.is_mistake} == MISTAKES
    assert {one.name: one.problem for one in found if not one.is_mistake} == QUIET


def test_a_metrics_endpoint_is_asked(
    endpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rules.yml"
    file.write_text(RULES)
    assert status("rules", "check", file, "--against", endpoint) == 1
    said = capsys.readouterr()
    assert said.err.splitlines() == [f"{file}: {name}: {text}" for name, text in MISTAKES.items()]
    assert said.out.splitlines()[1:] == [f"{file}: {name}: {text}" for name, text in QUIET.items()]
    file.write_text(
        "groups: [{name: g, rules: [{alert: A, series: refusals_total, above: 0}, "
        "{alert: B, signal: rate, above: 1}]}]"
    )
    assert status("rules", "check", file, "--against", endpoint) == 0
    assert status("rules", "check", file, "--against", endpoint, "--strict") == 1
    assert status("rules", "check", file, "--against", endpoint, "--metric-prefix", "x_") == 1
    assert "B: there is no metric x_operation_duration_seconds_count" in capsys.readouterr().err


def test_a_server_that_only_keeps_native_histograms() -> None:
    class NativeOnly:
        def label_sets(self, metric: str) -> list[dict[str, str]]:
            return [{"operation": "checkout"}] if metric in self.metrics() else []

        def metrics(self) -> list[str]:
            return ["operation_duration_seconds"]

    [found] = findings(parse("slos: [{name: a, objective: 99%}]"), NativeOnly())
    assert found.is_mistake
    assert found.problem == (
        "there is no metric operation_duration_seconds_count, only the native histogram "
        "operation_duration_seconds: set always_scrape_classic_histograms in Prometheus, because "
        "exported rules use classic ones"
    )


@pytest.mark.once
def test_a_prometheus_is_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import time

    server = BackfilledServer(tmp_path, {})
    begun = time.time() - 3600
    scraped = ScrapedSeries(exposition().decode())
    series = [
        (f"{metric}{{{label_text(tuple(labels.items()))}}}", when, "1")
        for when in (begun, begun + 60)
        for metric in scraped.metrics()
        for labels in scraped.label_sets(metric)
    ]
    server.fill(sorted(series, key=lambda one: one[1]))
    server.start()
    try:
        file = tmp_path / "rules.yml"
        file.write_text(RULES)
        assert status("rules", "check", file, "--against", server.url) == 1
        said = capsys.readouterr().err.splitlines()
    finally:
        server.stop()
    found = dict(line.removeprefix(f"{file}: ").split(": ", 1) for line in said)
    # A server that has never scraped knows nothing of metrics without series.
    assert found.pop("NoRefusalsYet").startswith("there is no metric refusals_total")
    assert found.pop("NoMetric").startswith("there is no metric refusal_total")
    assert found == {name: text for name, text in MISTAKES.items() if name != "NoMetric"}


def test_nobody_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "rules.yml"
    file.write_text(RULES)
    assert status("rules", "check", file, "--against", "http://127.0.0.1:9") == 1
    assert "cannot be reached" in capsys.readouterr().err
    assert status("rules", "check", file, "--against", "ftp://x") == 1
