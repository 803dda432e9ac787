"""Health of a thousand instances: how long a real Prometheus takes to record it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.backfill import BackfilledServer
from support.fleet import ALERTS
from support.waiting import wait_until
from vitalspan.artifacts.export import export
from vitalspan.artifacts.options import Options
from vitalspan.rules.burn_rate_alerts import with_burn_rate_alerts
from vitalspan.rules.file.load import build

# What is written for Prometheus does not depend on the version of Python.
pytestmark = [pytest.mark.once, pytest.mark.timed]

INSTANCES = 1000
COMPONENTS = ("storefront", "search", "payments", "inventory", "worker")
OPERATIONS = ("first", "second")
STEP = 15
SAMPLES = 25
"""Of the last minutes, as many as windows of five minutes need and some more."""

INTERVAL = 5
"""Seconds between two evaluations."""

HEALTH: dict[str, Any] = {
    "model": "classic",
    "factors": [
        {"name": "cache", "signal": "cache_hit_ratio", "full": "70%", "zero": 0, "weight": 10},
        {"name": "payments", "signal": "burn_rate", "slo": "payments", "full": 1, "zero": 14}
        | {"weight": 10},
    ],
    "components": {"storefront": {"critical": True, "depends_on": ["payments", "inventory"]}},
}


def counters(number: int) -> Iterator[tuple[str, float]]:
    """The counters of an instance: their series, and what they grow by in a second."""
    job = f'job="shop",instance="i{number}"'
    for component in COMPONENTS:
        where = f'{job},component="{component}"'
        for operation in OPERATIONS:
            own = f'{{{where},operation="{operation}"}}'
            yield f"operation_duration_seconds_count{own}", 2.0
            yield f"operation_duration_seconds_sum{own}", 0.1 + number / INSTANCES
            yield f"operation_errors_total{own}", 0.1 if component == "payments" else 0.0
            yield f"operation_cancellations_total{own}", 0.0
        for result, rate in (("hit", 1.0), ("miss", 0.5)):
            yield f'cache_requests_total{{{where},cache="pages",result="{result}"}}', rate
    for mode in ("user", "idle"):
        yield f'system_cpu_seconds_total{{{job},mode="{mode}"}}', 0.5
    yield f'slo_events_total{{{job},slo="payments"}}', 4.0
    yield f'slo_bad_events_total{{{job},slo="payments"}}', 0.2


def gauges(number: int) -> Iterator[tuple[str, float]]:
    job = f'job="shop",instance="i{number}"'
    yield f"system_memory_available_bytes{{{job}}}", 8e9
    yield f"system_memory_size_bytes{{{job}}}", 16e9
    for component in COMPONENTS:
        labels = f'alertname="Failing",component="{component}"'
        for severity in ("warning", "critical"):
            yield f'alert_state{{{job},{labels},severity="{severity}"}}', 0.0


def samples(end: float) -> Iterator[tuple[str, float, str]]:
    times = [(end - (SAMPLES - count) * STEP, count) for count in range(1, SAMPLES + 1)]
    for number in range(INSTANCES):
        for series, rate in counters(number):
            for when, count in times:
                yield series, when, f"{rate * STEP * count:g}"
        for series, value in gauges(number):
            for when, _ in times:
                yield series, when, f"{value:g}"
        # What was recorded a quarter of an hour ago, that the trend is against.
        for component in COMPONENTS:
            labels = f'{{job="shop",instance="i{number}",component="{component}"}}'
            for what, rate in (("count", 4.0), ("sum", 1.2)):
                name = f"job_instance_component:operation_duration_seconds_{what}:sum_rate5m"
                for when, _ in times:
                    yield f"{name}{labels}", when - 900 + 120, f"{rate:g}"


def test_a_thousand_instances(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = {
        "groups": [{"name": "alerts", "rules": ALERTS}],
        "slos": [{"name": "payments", "objective": "99%", "where": {"component": "payments"}}],
        "health": HEALTH,
        "presets": ["health"],
    }
    files = export(with_burn_rate_alerts(build(rules)), Options(interval=INTERVAL))
    (tmp_path / "rules.yml").write_text(files["rules.yml"])
    config = {
        "global": {"evaluation_interval": f"{INTERVAL}s"},
        "rule_files": [str(tmp_path / "rules.yml")],
    }
    server = BackfilledServer(tmp_path, config)
    # What is recorded must come after all of it.
    server.fill(samples(time.time()))
    with server:

        def group() -> dict[str, Any]:
            groups = server.api("rules", type="record")["groups"]
            [found] = [one for one in groups if one["name"] == "vitalspan:health"]
            content: dict[str, Any] = found
            return content

        # The first evaluations open what was just written.
        seen: dict[str, float] = {}

        def evaluated() -> bool:
            now = group()
            if not now["lastEvaluation"].startswith("0001"):
                seen[now["lastEvaluation"]] = now["evaluationTime"]
            return len(seen) >= 4

        wait_until(evaluated, 600)
        rules_now = group()["rules"]
        assert {rule["health"] for rule in rules_now} == {"ok"}, json.dumps(rules_now)[:3000]
        known = {
            query: server.value(query)
            for query in (
                "count(job_instance:health_score:pooled)",
                "count(job_instance_component:component_health_score:effective)",
                'count(job_instance:health_factor_score:pooled{factor="trend"})',
                "job:health_score:pooled",
                'job_component:component_health_score:pooled{component="payments"}',
            )
        }
    slowest = sorted(rules_now, key=lambda rule: -rule["evaluationTime"])[:3]
    with capsys.disabled():
        print(  # noqa: T201 - figures for people, who may want them in docs/health.md
            f"\n{INSTANCES} instances: {len(rules_now)} rules in {min(seen.values()):.2f} s to "
            f"{max(seen.values()):.2f} s; the slowest "
            + ", ".join(f"{one['name']} {one['evaluationTime']:.3f} s" for one in slowest)
            + f"; {known}"
        )
    assert list(known.values())[:3] == [INSTANCES, INSTANCES * len(COMPONENTS), INSTANCES]
    assert all(value is not None for value in known.values())
