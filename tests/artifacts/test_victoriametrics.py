"""The exported rules in VictoriaMetrics and its vmalert."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

import vitalspan as vs
from support.paths import EVERY_RULE
from support.prometheus_server import prometheus_binary
from support.victoriametrics import VictoriaMetrics, Vmalert
from support.waiting import wait_until
from vitalspan.artifacts.export import export
from vitalspan.artifacts.options import Options
from vitalspan.demo.alerts import RULES
from vitalspan.rules import presets
from vitalspan.rules.burn_rate_alerts import with_burn_rate_alerts
from vitalspan.rules.file.load import load, load_preset
from vitalspan.rules.model import RuleSet

# What is written for Prometheus does not depend on the version of Python.
pytestmark = pytest.mark.once

SHOP = """
groups:
  - name: shop
    rules:
      - alert: PaymentsFail
        signal: error_ratio
        where: {operation: pay}
        above: {warning: 10%, critical: 30%}
        window: 30s
      - alert: SearchSlow
        signal: latency_p95
        where: {operation: search}
        above: 100ms
        window: 30s
      - alert: SearchBusy
        signal: rate
        where: {operation: search}
        above: 1000
        window: 30s
slos:
  - name: payments
    where: {operation: pay}
    objective: 99%
health: {}
"""


def rule_file(rules: RuleSet, **options: Any) -> str:
    # The demo is scraped every five seconds.
    chosen = Options(**{"scrape_interval": 5.0, **options})
    return export(with_burn_rate_alerts(rules), chosen)["rules.yml"]


def rule_sets(tmp_path: Path) -> dict[str, RuleSet]:
    shop = tmp_path / "shop.yml"
    shop.write_text(SHOP, encoding="utf-8")
    return {
        "every": load(EVERY_RULE),
        "demo": load(RULES),
        "shop": load(shop),
        **{name: load_preset(name) for name in presets.names()},
    }


def test_vmalert_takes_every_exported_rule(tmp_path: Path) -> None:
    binary = prometheus_binary("vmalert")
    for name, rules in rule_sets(tmp_path).items():
        for per_instance in (False, True):
            path = tmp_path / f"{name}-{per_instance}.yml"
            path.write_text(rule_file(rules, per_instance=per_instance), encoding="utf-8")
    command = [binary, "-dryRun", f"-rule={tmp_path}/*-*.yml"]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr


@contextmanager
def traffic(monitor: vs.Monitor) -> Iterator[None]:
    """Payments of which half fail, and searches of 200 ms, until the end."""
    clock, ended = monitor.clock, threading.Event()
    assert isinstance(clock, vs.ManualClock)

    def work() -> None:
        number = 0
        while not ended.wait(0.05):
            number += 1
            with suppress(ValueError), monitor.operation("pay"):
                if number % 2:
                    raise ValueError
            with monitor.operation("search"):
                clock.advance(0.2)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def every_second(text: str) -> str:
    """The rule file with all of its groups evaluated each second."""
    document = yaml.safe_load(text)
    for group in document["groups"]:
        group["interval"] = "1s"
    return yaml.safe_dump(document)


def test_alerts_and_recorded_series_are_those_of_prometheus(tmp_path: Path) -> None:
    binaries = [prometheus_binary(name) for name in ("victoria-metrics", "vmalert")]
    registry = CollectorRegistry()
    monitor = vs.Monitor(registry=registry, clock=vs.ManualClock())
    homes = [tmp_path / "database", tmp_path / "vmalert"]
    for home in homes:
        home.mkdir()
    rules = every_second(rule_file(rule_sets(tmp_path)["shop"], interval=1))
    with traffic(monitor), vs.start_http_server(port=0, registry=registry) as exporter:
        job = {"job_name": "shop", "static_configs": [{"targets": [f"127.0.0.1:{exporter.port}"]}]}
        scraping = {"global": {"scrape_interval": "1s"}, "scrape_configs": [job]}
        with (
            VictoriaMetrics(binaries[0], scraping, homes[0]) as database,
            Vmalert(binaries[1], rules, homes[1], database) as vmalert,
        ):

            def firing() -> set[tuple[str, str]]:
                return {
                    (alert["name"], alert["labels"]["severity"])
                    for alert in vmalert.alerts()
                    if alert["state"] == "firing"
                }

            expected = {
                ("PaymentsFail", "warning"),
                ("PaymentsFail", "critical"),
                ("SearchSlow", "warning"),
            }
            wait_until(lambda: firing() >= expected)
            assert not [name for name, _ in firing() if name == "SearchBusy"]
            wait_until(lambda: database.query('ALERTS{alertname="SearchSlow"}'))
            recorded = [
                rule["record"]
                for group in yaml.safe_load(rules)["groups"]
                for rule in group["rules"]
                if "record" in rule
            ]
            health = [name for name in recorded if "health_score" in name]
            assert health
            for name in health:
                wait_until(lambda name=name: database.query(name))
            assert vmalert.rule_errors() == {}
    monitor.close()
