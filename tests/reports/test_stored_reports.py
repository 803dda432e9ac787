"""Reports on a night before a restart, from a store."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

import vitalspan as vs
from vitalspan.store.errors import StoreError
from vitalspan.store.reader import StoreReader

NIGHT = 1_700_092_800.0
"""A midnight."""


def make_monitor(url: str, wall: float) -> tuple[vs.Monitor, vs.ManualClock]:
    clock = vs.ManualClock(wall=wall)
    monitor = vs.Monitor(registry=CollectorRegistry(), clock=clock, system_metrics=False, store=url)
    monitor.rules.add(alert="Slow", signal="latency_p95", window="5m", above="1s")
    return monitor, clock


def work(monitor: vs.Monitor, clock: vs.ManualClock, hours: int) -> None:
    """Call once a second or so, slowly between half past two and three."""
    monitor.tick()
    for minute in range(60 * hours):
        for call in range(30):
            with monitor.operation("sell", component="till"):
                clock.advance(1.5 if 150 <= minute < 180 and call % 2 else 0.1)
            with monitor.operation("pack"):
                clock.advance(0.05)
        clock.advance(60 - (clock.wall() % 60))
        monitor.tick()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store with a night of a process that has ended."""
    url = f"sqlite:///{tmp_path_factory.mktemp('store') / 'history.db'}"
    monitor, clock = make_monitor(url, NIGHT)
    work(monitor, clock, 5)
    monitor.close()
    return url


def test_a_report_knows_what_was_slow_last_night_and_since_when(url: str) -> None:
    # At nine in the morning, by another process.
    monitor, _ = make_monitor(url, NIGHT + 9 * 3600)
    monitor.tick()
    report = monitor.report(window=6 * 3600, offset=4 * 3600)
    data = report.to_dict()
    assert data["period"]["start"] == NIGHT - 3600
    assert data["calls"]["count"] == 2 * 30 * 299  # those of the last minute were noted at its end
    assert [one["operation"] for one in data["operations"]] == ["sell", "pack"]
    assert data["since_start"]["count"] == 0
    found = next(
        one
        for one in data["operation_anomalies"]
        if (one["operation"], one["signal"]) == ("sell", "latency_p95")
    )
    assert NIGHT + 140 * 60 <= found["start"] <= NIGHT + 150 * 60
    assert NIGHT + 180 * 60 <= found["end"] <= NIGHT + 190 * 60
    assert found["value"] == pytest.approx(1.5, rel=0.05)
    assert [one["alertname"] for one in data["alerts"]["past"]] == ["Slow"]
    signals = {one["signal"]: one for one in data["signals"]}
    # Scores are stored once a minute.
    assert signals["health_score"]["lowest"] < 90 < signals["health_score"]["highest"]
    assert "sell was slow from 2023-11-16 02:" in report.text()
    monitor.close()


def test_a_timeline_of_a_store_has_all_calls_once(url: str) -> None:
    monitor, _ = make_monitor(url, NIGHT + 9 * 3600)
    monitor.tick()
    for window in (3600, 5 * 3600, 24 * 3600):
        timeline = monitor.statistics.timeline(window=window, offset=4 * 3600)
        sell = monitor.statistics.timeline("sell", window=window, offset=4 * 3600)
        figures = monitor.statistics(window=window, offset=4 * 3600)
        assert sum(slot.count for slot in timeline.slots) == figures.count
        assert sum(slot.count for slot in sell.slots) * 2 == figures.count
        assert timeline.slots[-1].end - timeline.slots[0].start == pytest.approx(figures.seconds)
        assert all(
            one.end == other.start
            for one, other in zip(timeline.slots, timeline.slots[1:], strict=False)
        )
        assert max(slot.max or 0 for slot in timeline.slots) == pytest.approx(figures.max)
    monitor.close()


def test_a_period_that_memory_has_is_not_read_from_the_store(url: str, tmp_path: Path) -> None:
    monitor, clock = make_monitor(f"sqlite:///{tmp_path / 'own.db'}", NIGHT)
    work(monitor, clock, 1)
    slots = monitor.statistics.timeline(window=600).slots
    assert slots[-1].end == clock.wall()
    assert monitor.statistics.timeline().slots[0].start == NIGHT
    assert monitor.dashboard(window=600)["period"]["end"] == clock.wall()
    monitor.close()


def test_a_store_that_cannot_be_read_leaves_what_memory_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitor, clock = make_monitor(f"sqlite:///{tmp_path / 'own.db'}", NIGHT)
    work(monitor, clock, 1)
    clock.advance(5)
    monitor.tick()

    def fail(*_: object) -> None:
        raise StoreError("sqlite: disk I/O error")

    monkeypatch.setattr(StoreReader, "period", fail)
    report = monitor.report(window=6 * 3600)
    assert report.to_dict()["calls"]["count"] == 2 * 30 * 60
    text = report.text()
    assert "The past could not be read: sqlite: disk I/O error." in text
    assert "of the 6 hours that were asked for" in text
    monitor.close()


def test_a_store_that_keeps_a_year_can_be_asked_about_all_of_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'history.db'}"
    year = {"store": url, "store_tiers": "1m:2d,1h:365d"}
    clock = vs.ManualClock(wall=NIGHT)
    monitor = vs.Monitor(registry=CollectorRegistry(), clock=clock, system_metrics=False, **year)
    monitor.tick()
    with monitor.operation("sell"):
        clock.advance(1.0)
    clock.advance(3600.0)
    monitor.tick()
    clock.advance(60 * 86400.0)
    monitor.tick()
    assert monitor.statistics.operation("sell", window=61 * 86400.0).count == 1
    assert monitor.report(window=61 * 86400.0).to_dict()["calls"]["count"] == 1
    monitor.close()
