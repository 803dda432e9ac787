"""Statistics, reports and exports of a past that a real Prometheus has."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from itertools import pairwise

import pytest
from prometheus_client import CollectorRegistry

import vitalspan as vs
from support.backfill import BackfilledServer
from support.scraped_past import MIDNIGHT, prometheus_with, scraped
from vitalspan.cli.main import main

HOUR = 3600
HALF_DAY = 12 * HOUR
EACH_HOUR = 30  # scrapes

pytestmark = pytest.mark.once


def work(monitor: vs.Monitor, clock: vs.ManualClock, minute: int) -> None:
    """Pay ten times, slowly from six to seven o'clock, and fail once in a while."""
    slow = 360 <= minute < 420
    for number in range(10):
        with monitor.operation("pay", component="till", labels={"tier": "gold"}):
            clock.advance(1.7 if slow and number % 2 else 0.2)
    try:
        with monitor.operation("pack", component="till") as call:
            call.add("items", 3)
            clock.advance(0.04)
            if minute % 20 == 0:
                raise ValueError("no box")
    except ValueError:
        pass
    monitor.cache("prices", component="till").hit()
    monitor.api("bank", component="till").record(tokens=5, cost=0.5)
    monitor.api("bank", component="till").record(duration=7.0)
    ask = monitor.api("llm", component="advice").record
    ask(model="large", input_tokens=100, output_tokens=20, cost=0.25, duration=1.0)
    ask(model="large", cached_tokens=50, retries=1, duration=4.0, first_token=0.3, error="full")
    ask(model="small", reasoning_tokens=7)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackfilledServer]:
    """A Prometheus with half a day of two services."""
    samples = scraped(work, 12 * 60)
    others = [
        (series.replace('"shop"', '"other"'), *rest)
        for series, *rest in samples
        if '"pay"' in series
    ]
    with prometheus_with([*samples, *others], tmp_path_factory.mktemp("past")) as running:
        yield running


def monitor_of(server: BackfilledServer, query: str = "?job=shop&scrape_interval=2m") -> vs.Monitor:
    """A process that begins the next day."""
    clock = vs.ManualClock(wall=MIDNIGHT + HALF_DAY)
    url = f"prometheus+{server.url}{query}"
    monitor = vs.Monitor(
        registry=CollectorRegistry(), clock=clock, system_metrics=False, history=url
    )
    monitor.tick()
    return monitor


def test_figures_of_a_past_period(server: BackfilledServer) -> None:
    monitor = monitor_of(server)
    past = {"window": 8 * HOUR, "offset": 2 * HOUR}
    pay = monitor.statistics.operation("pay", **past)
    assert (pay.count, pay.errors) == (8 * EACH_HOUR * 10, 0)
    assert pay.seconds == 8 * HOUR
    assert pay.mean == pytest.approx(0.2 + 1.5 / 2 / 8, rel=0.01)
    assert pay.p50 == pytest.approx(0.2, rel=0.5)
    assert 1.0 <= pay.p99 <= 2.5
    assert (pay.min, pay.max) == (0.1, 2.5)
    pack = monitor.statistics.operation("pack", **past)
    assert (pack.count, pack.errors) == (8 * EACH_HOUR, 8 * EACH_HOUR / 10)
    assert pack.errors_by_type[0].error_type == "ValueError"
    assert pack.measures == {"items": pytest.approx(3 * 8 * EACH_HOUR)}
    monitor.close()


def test_labels_caches_and_apis(server: BackfilledServer) -> None:
    monitor = monitor_of(server)
    statistics, past = monitor.statistics, {"window": HOUR, "offset": HOUR}
    assert statistics.operation("pay", labels={"tier": "gold"}, **past).count == 10 * EACH_HOUR
    assert statistics.operation("pay", labels={"tier": "silver"}, **past).count == 0
    everything = statistics(**past)
    assert everything.count == 11 * EACH_HOUR
    (cache,), (_, api) = everything.caches, sorted(everything.apis, key=lambda one: one.component)
    assert (cache.hits, cache.misses) == (EACH_HOUR, 0)
    assert (api.calls, api.errors, api.tokens) == (2 * EACH_HOUR, 0, 5 * EACH_HOUR)
    assert api.cost == pytest.approx(0.5 * EACH_HOUR)
    assert api.models == ()
    assert [one.operation for one in statistics.operations(**past)] == ["pay", "pack"]
    monitor.close()


def test_models_of_apis(server: BackfilledServer) -> None:
    monitor = monitor_of(server)
    (api,) = monitor.statistics.component("advice", window=HOUR, offset=HOUR).apis
    large, small = api.models
    assert (api.calls, api.errors) == (3 * EACH_HOUR, EACH_HOUR)
    assert (large.model, large.calls, large.errors) == ("large", 2 * EACH_HOUR, EACH_HOUR)
    assert (large.tokens, large.input_tokens, large.output_tokens, large.cached_tokens) == (
        *(120 * EACH_HOUR, 100 * EACH_HOUR, 20 * EACH_HOUR, 50 * EACH_HOUR),
    )
    assert (large.retries, large.cost) == (EACH_HOUR, pytest.approx(0.25 * EACH_HOUR))
    assert large.duration.count == 2 * EACH_HOUR
    assert large.duration.mean == pytest.approx(2.5)
    # A server has the boundaries 0.64, 1.28, 2.56 and 5.12 seconds.
    assert 0.64 < large.duration.p50 < 1.28
    assert 2.56 < large.duration.p95 <= large.duration.max < 5.12
    assert large.first_token.count == EACH_HOUR
    assert large.first_token.mean == pytest.approx(0.3)
    assert 0.16 < large.first_token.p50 < 0.32
    assert (small.model, small.calls, small.reasoning_tokens) == ("small", EACH_HOUR, 7 * EACH_HOUR)
    assert small.duration.count == small.first_token.count == 0
    assert "large" in monitor.report(window=HALF_DAY).text()
    monitor.close()


def test_all_jobs_count_where_the_address_names_none(server: BackfilledServer) -> None:
    monitor = monitor_of(server, "?scrape_interval=2m")
    pay = monitor.statistics.operation("pay", window=HOUR, offset=HOUR)
    assert pay.count == 2 * 10 * EACH_HOUR
    monitor.close()


def test_a_period_longer_than_the_history_says_how_long_it_is(server: BackfilledServer) -> None:
    monitor = monitor_of(server)
    two_months = monitor.statistics.operation("pay", window=60 * 86400)
    assert two_months.count == pytest.approx(12 * 10 * EACH_HOUR, abs=10)
    assert HALF_DAY <= two_months.seconds <= 3 * HALF_DAY
    monitor.close()


def test_a_report_says_what_was_slow_and_since_when(server: BackfilledServer) -> None:
    monitor = monitor_of(server)
    report = monitor.report(window=HALF_DAY)
    data = report.to_dict()
    assert data["calls"]["count"] == pytest.approx(12 * 11 * EACH_HOUR, abs=30)
    found = next(
        one
        for one in data["operation_anomalies"]
        if (one["operation"], one["signal"]) == ("pay", "latency_p95")
    )
    assert found["start"] == pytest.approx(MIDNIGHT + 6 * HOUR, abs=600)
    assert found["end"] == pytest.approx(MIDNIGHT + 7 * HOUR, abs=600)
    (alert,) = data["alerts"]["past"]
    assert (alert["alertname"], alert["severity"]) == ("Slow", "warning")
    assert alert["fired_at"] == pytest.approx(MIDNIGHT + 6 * HOUR, abs=600)
    assert alert["resolved_at"] == pytest.approx(MIDNIGHT + 7 * HOUR, abs=900)
    signals = {one["signal"]: one for one in data["signals"]}
    assert signals["health_score"]["lowest"] < signals["health_score"]["highest"]
    assert any("127.0.0.1" in note for note in data["notes"])
    assert "pay was slow from 2023-11-14 0" in report.text()
    timeline = monitor.statistics.timeline("pack", window=HALF_DAY)
    assert sum(slot.count for slot in timeline.slots) == pytest.approx(12 * EACH_HOUR, abs=2)
    assert sum(slot.errors for slot in timeline.slots) == pytest.approx(1.2 * EACH_HOUR, abs=2)
    # Whatever clocks show, the last slot ends with the period.
    odd = monitor.statistics.timeline("pack", window=24 * HOUR, offset=1000)
    assert odd.slots[-1].end == MIDNIGHT + HALF_DAY - 1000
    counted = sum(slot.count for slot in odd.slots)
    # Seven and a half calls in each slot are rounded up.
    assert counted == pytest.approx((HALF_DAY - 1000) / HOUR * EACH_HOUR, rel=0.08)
    assert all(one.end == two.start for one, two in pairwise(odd.slots))
    monitor.close()


def test_summary_list_and_export(
    server: BackfilledServer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("time.time", lambda: MIDNIGHT + HALF_DAY)
    url = f"prometheus+{server.url}?job=shop&scrape_interval=2m"
    assert main(["history", "list", url]) == 0
    assert "2023-11-14" in capsys.readouterr().out
    assert main(["history", "summary", url, "--last", "8h", "--ago", "2h", "--json"]) == 0
    operations = json.loads(capsys.readouterr().out)["operations"]
    counts = {one["labels"]["operation"]: one["count"] for one in operations}
    assert counts == {"pay": 80 * EACH_HOUR, "pack": 8 * EACH_HOUR}
    assert main(["history", "export", url, "--last", "6h", "--step", "1h"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [int(row["count"]) for row in rows if row["operation"] == "pay"] == [10 * EACH_HOUR] * 6
    assert main(["history", "export", url, "--step", "1h", "--format", "openmetrics"]) != 0
    assert "Prometheus" in capsys.readouterr().err
