"""Scrape protocols and name escapings of a real Prometheus 3, and what it makes of them."""

from __future__ import annotations

import itertools
import subprocess
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter

import vitalspan as vs
from support.prometheus_server import (
    PrometheusServer,
    prometheus_binary,
    run_prometheus,
)
from support.waiting import wait_until

# What is shown to Prometheus does not depend on the version of Python.
pytestmark = pytest.mark.once

PROTOCOLS = (
    "PrometheusProto",
    "OpenMetricsText1.0.0",
    "OpenMetricsText0.0.1",
    "PrometheusText1.0.0",
    "PrometheusText0.0.4",
)

WITH_ESCAPING = {"OpenMetricsText1.0.0", "PrometheusText1.0.0"}
"""Those whose content type says how names are escaped; in all others names are classic."""

UTF8 = "orders.größe_total"

ESCAPED = {
    "allow-utf-8": UTF8,
    "underscores": "orders_gr__e_total",
    "dots": "orders_dot_gr____e__total",
    "values": "U__orders_2e_gr_f6__df_e__total",
}
"""The name of a counter by the escaping that is asked for, as docs/serving.md has it."""

CLASSIC = {
    "allow-utf-8": "operation_duration_seconds_count",
    "underscores": "operation_duration_seconds_count",
    "dots": "operation__duration__seconds__count",
    "values": "operation_duration_seconds_count",
}


def job_name(protocol: str, escaping: str) -> str:
    return f"{protocol} {escaping}"


JOBS = [job_name(*pair) for pair in itertools.product(PROTOCOLS, ESCAPED)]


def knows_escapings() -> bool:
    version = subprocess.run(
        [prometheus_binary(), "--version"], capture_output=True, text=True, check=True
    )
    return "version 2." not in version.stdout + version.stderr


def configuration(port: int) -> dict[str, Any]:
    return {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [
            {
                "job_name": job_name(protocol, escaping),
                # Each protocol needs one more that Prometheus falls back to.
                "scrape_protocols": list(dict.fromkeys([protocol, "PrometheusText0.0.4"])),
                # Else it leaves out both kinds of a histogram, since it takes no native ones.
                "always_scrape_classic_histograms": True,
                "metric_name_validation_scheme": "utf8" if escaping == "allow-utf-8" else "legacy",
                "metric_name_escaping_scheme": escaping,
                "static_configs": [{"targets": [f"127.0.0.1:{port}"]}],
            }
            for protocol, escaping in itertools.product(PROTOCOLS, ESCAPED)
        ],
    }


def counted(server: PrometheusServer, name: str) -> dict[str, float]:
    """The value of a metric by job."""
    return {
        sample["metric"]["job"]: float(sample["value"][1])
        for sample in server.query(f'{{"{name}"}}')
    }


def test_every_protocol_with_every_escaping_is_scraped(tmp_path: Path) -> None:
    if not knows_escapings():
        pytest.skip("Prometheus 2 knows no name escapings")
    registry = CollectorRegistry()
    Counter(UTF8.removesuffix("_total"), "Orders by size.", registry=registry).inc(7)
    monitor = vs.Monitor(registry=registry)
    for _ in range(3):
        with monitor.operation("checkout"):
            pass
    with (
        vs.start_http_server(port=0, registry=registry) as exporter,
        run_prometheus(configuration(exporter.port), tmp_path) as server,
    ):
        wait_until(lambda: len(counted(server, "up")) == len(JOBS))
        wait_until(lambda: counted(server, "up") == dict.fromkeys(JOBS, 1.0))
        failures = {target["labels"]["job"]: target["lastError"] for target in server.targets()}
        assert failures == dict.fromkeys(JOBS, "")
        for names, value in ((ESCAPED, 7.0), (CLASSIC, 3.0)):
            expected: dict[str, set[str]] = {}
            for protocol, escaping in itertools.product(PROTOCOLS, ESCAPED):
                scheme = escaping if protocol in WITH_ESCAPING else "underscores"
                expected.setdefault(names[scheme], set()).add(job_name(protocol, escaping))
            for name, jobs in expected.items():
                assert counted(server, name) == dict.fromkeys(jobs, value), name
    monitor.close()
