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

from backfill import BackfilledServer, Samples
from dashboards import DASHBOARDS, parsed, queries
from demo_program import Demo, running
from prometheus_server import wait_until
from vitalspan import names
from vitalspan.artifacts.audit.filling import Span
from vitalspan.artifacts.audit.findings import Audit, Finding
from vitalspan.artifacts.audit.questions import Question, questions
from vitalspan.artifacts.audit.server import Server
from vitalspan.artifacts.export import export
from vitalspan.artifacts.grafana.empty import EMPTY, EVERY
from vitalspan.artifacts.options import Options
from vitalspan.demo.alerts import RULES
from vitalspan.demo.phases import PHASES
from vitalspan.rules.file import load
from vitalspan.rules.slos import expand

pytestmark = pytest.mark.once

INTERVAL: Final = 1
PHASE: Final = 8

DAY: Final = 86400
BEFORE: Final = 180
"""Seconds of a past that the demo is given: now and at each time that panels compare with."""

PAST: Final = ("browse", "charge", "search")
"""Operations that have one."""

EMPTY_OF_A_DEMO: Final = {
    names.COLLECTOR_ERRORS.name: "no collector fails",
    names.RULE_FAILURES.name: "no rule fails",
}
"""Metrics that a demo has no samples of, with the reason: nothing else may return nothing."""

FAILED: Final = 'operation_errors_total{component="payments",operation="charge",error_type="Past"'


def test_every_query_can_be_read() -> None:
    found = [query for dashboard in DASHBOARDS.values() for query in queries(dashboard)]
    assert len(found) > 100
    for query in found:
        assert parsed(query.text) is not None


def test_what_is_empty_on_purpose_is_there() -> None:
    asked = [one for dashboard in DASHBOARDS.values() for one in questions(dashboard)]
    for empty in EMPTY:
        refs = {
            one.ref for one in asked if empty.uid in (EVERY, one.uid) and one.title == empty.title
        }
        assert refs, empty
        assert refs.issuperset(empty.refs), empty


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
            if sample.name.startswith("operation_") and sample.labels.get("operation") in PAST:
                labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items())
                found[f"{sample.name}{{{labels},{target}}}"] = sample.value
    return found


def have_ended(demo: Demo) -> bool:
    """Whether a call of each operation that has a past has ended."""
    counts = {name: value for name, value in recent(demo).items() if "_count{" in name}
    return len(counts) >= len(PAST) and all(counts.values())


def past(now: dict[str, float], until: float) -> Samples:
    """Samples of each second, growing to what they are now, in the order of time."""
    for ago, second in itertools.product((7 * DAY, DAY, 0), range(BEFORE)):
        for series, value in now.items():
            yield series, until - ago - BEFORE + second, str(value * second / BEFORE)


def excuse(uid: str, title: str, ref: str, missing: str) -> str | None:
    """Why a query may return nothing even of this demo, which has a past and troubles."""
    return EMPTY_OF_A_DEMO.get(missing)


def answers(url: str, seconds: float) -> Iterator[Finding]:
    """What comes of all questions, over the last seconds."""
    end = time.time()
    span = Span(end - seconds, end, INTERVAL)
    return Audit(Server(url), span, {}, excuse).findings(DASHBOARDS.values())


@pytest.mark.timed
def test_every_query_returns_data_of_a_demo_that_goes_through_its_phases(tmp_path: Path) -> None:
    for name, text in export(expand(load(RULES)), Options(interval=INTERVAL)).items():
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
            seen: set[Question] = set()

            def missing() -> list[str]:
                """What has never had data, of what should have some."""
                found = list(answers(server.url, time.time() - began + 60))
                seen.update(one.question for one in found if one.status == "data")
                return [
                    f"{one.question.uid}: {one.question.name}: {one.detail}"
                    for one in found
                    if one.bad and one.question not in seen
                ]

            # What is there for a moment, such as an alert that fires, is there when a phase ends.
            phases = {phase.name for phase in PHASES}
            last: list[str] = []
            while phases:
                line = demo.process.stdout.readline()  # type: ignore[union-attr]
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
