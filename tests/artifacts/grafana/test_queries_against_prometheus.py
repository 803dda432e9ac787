"""All that dashboards ask, asked of a real Prometheus that scrapes a demo through its phases."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from prometheus_client.parser import text_string_to_metric_families

from support.backfill import BackfilledServer, Samples
from support.dashboards import DASHBOARDS, parsed, queries
from support.demo_program import Demo, running
from support.waiting import wait_until
from vitalspan import metrics as names
from vitalspan.artifacts.dashboard_check.check import DashboardCheck, Finding
from vitalspan.artifacts.dashboard_check.expected_empty import ExpectedEmpty
from vitalspan.artifacts.dashboard_check.panel_queries import PanelQuery, queries_of
from vitalspan.artifacts.dashboard_check.prometheus_api import PrometheusApi
from vitalspan.artifacts.dashboard_check.variable_values import VariableRange
from vitalspan.artifacts.export import export
from vitalspan.artifacts.options import Options
from vitalspan.demo.alerts import RULES
from vitalspan.demo.phases import PHASES
from vitalspan.rules.burn_rate_alerts import with_burn_rate_alerts
from vitalspan.rules.file.load import load

pytestmark = pytest.mark.once

INTERVAL: Final = 1
PHASE: Final = 8

DAY: Final = 86400
BEFORE: Final = 180
"""Seconds of a past that the demo is given: now and at each time that panels compare with."""

PAST: Final = ("browse", "charge", "search")
"""Operations that have one."""

FALLING: Final = "system_filesystem_available_bytes"
"""A gauge that falls in that past, so that there is a time when the disk is full."""

EMPTY_OF_A_DEMO: Final = {
    names.COLLECTOR_ERRORS.name: "no collector fails",
    names.RULE_FAILURES.name: "no rule fails",
    names.TASK_OUTCOMES.name: "there is no queue of tasks",
    f"{names.TASK_WAITING.name}_bucket": "there is no queue of tasks",
    names.TASK_QUEUE_LENGTH.name: "there is no queue of tasks",
}
"""Metrics that a demo has no samples of, with the reason: nothing else may return nothing."""

FAILED: Final = 'operation_errors_total{component="payments",operation="charge",error_type="Past"'


def test_every_query_can_be_read() -> None:
    found = [query for dashboard in DASHBOARDS.values() for query in queries(dashboard)]
    assert len(found) > 100
    for query in found:
        assert parsed(query.text) is not None


def test_what_is_empty_on_purpose_is_there() -> None:
    empty = ExpectedEmpty()
    asked = [one for dashboard in DASHBOARDS.values() for one in queries_of(dashboard)]
    reasons = {one.key: empty.reason(one) for one in asked}
    assert reasons["vitalspan-overview", "annotation", "Alerts", ""] == "no rule has begun to fire"
    assert reasons["vitalspan-operation", "variable", "measure", ""]
    assert reasons["vitalspan-operation", "panel", "$measure", "A"]
    assert reasons["vitalspan-overview", "panel", "Most failing operations", "B"]
    assert [reasons["vitalspan-trends", "panel", "Calls", ref] is None for ref in "ABC"] == [
        True,
        False,
        False,
    ]


def test_no_other_query_has_the_place_of_one_that_may_be_empty() -> None:
    empty = ExpectedEmpty()
    for dashboard in DASHBOARDS.values():
        places = [one.key for one in queries_of(dashboard) if empty.reason(one)]
        assert len(places) == len(set(places))


def configuration(demo: Demo, rules: Path) -> dict[str, Any]:
    every = f"{INTERVAL}s"
    return {
        "global": {"scrape_interval": every, "evaluation_interval": every},
        "rule_files": [str(rules)],
        "scrape_configs": [
            {"job_name": "shop", "static_configs": [{"targets": [urlsplit(demo.url).netloc]}]}
        ],
    }


def recent(demo: Demo) -> dict[str, float]:
    """What the metrics of some operations are now, by what Prometheus will call them."""
    target = f'job="shop",instance="{urlsplit(demo.url).netloc}"'
    found = {f"{FAILED},{target}}}": 5.0}
    for family in text_string_to_metric_families(demo.scrape()):
        for sample in family.samples:
            named = sample.labels.get("operation") in PAST
            if sample.name == FALLING or (sample.name.startswith("operation_") and named):
                labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items())
                found[f"{sample.name}{{{labels},{target}}}"] = sample.value
    return found


def have_ended(demo: Demo) -> bool:
    """Whether a call of each operation that has a past has ended."""
    counts = {name: value for name, value in recent(demo).items() if "_count{" in name}
    return len(counts) >= len(PAST) and all(counts.values())


def past(now: dict[str, float], until: float) -> Samples:
    """Samples of each second, in the order of time: counters grow to what they are now."""
    for ago, second in itertools.product((7 * DAY, DAY, 0), range(BEFORE)):
        for series, value in now.items():
            share = 2 - second / BEFORE if series.startswith(FALLING) else second / BEFORE
            yield series, until - ago - BEFORE + second, str(value * share)


def excuse(query: PanelQuery, missing: str) -> str | None:
    """Why a query may return nothing even of this demo, which has a past and troubles."""
    return EMPTY_OF_A_DEMO.get(missing)


def answers(url: str, seconds: float) -> Iterator[Finding]:
    """The result of every query, over the last seconds."""
    end = time.time()
    span = VariableRange(end - seconds, end, INTERVAL)
    return DashboardCheck(PrometheusApi(url), span, {}, excuse).findings(DASHBOARDS.values())


@pytest.mark.timed
def test_every_query_returns_data_of_a_demo_that_goes_through_its_phases(tmp_path: Path) -> None:
    for name, text in export(
        with_burn_rate_alerts(load(RULES)), Options(interval=INTERVAL)
    ).items():
        (tmp_path / name).write_text(text)
    home = tmp_path / "prometheus"
    home.mkdir()
    options = ["--rate", "60", "--tick", str(INTERVAL), "--phase-seconds", str(PHASE)]
    with running(*options) as demo:
        server = BackfilledServer(home, configuration(demo, tmp_path / "rules.yml"))
        wait_until(lambda: have_ended(demo))
        began = time.time()
        server.fill(past(recent(demo), began))
        with server:
            seen: set[PanelQuery] = set()

            def missing() -> list[str]:
                """What has never had data, of what should have some."""
                found = list(answers(server.url, time.time() - began + 60))
                seen.update(one.query for one in found if one.status == "data")
                return [
                    f"{one.query.uid}: {one.query.name}: {one.detail}"
                    for one in found
                    if one.bad and one.query not in seen
                ]

            # What is there for a moment, such as an alert that fires, is there when a phase ends.
            phases = {phase.name for phase in PHASES}
            last: list[str] = []
            while phases:
                line = demo.read_line()
                assert line, "the demo has ended"
                phases -= {name for name in phases if name in line}
                last = missing()

            def all_seen() -> bool:
                last[:] = missing()
                return not last

            try:
                wait_until(all_seen)
            except AssertionError:
                pytest.fail("\n".join(["never any data:", *last]))
