"""Several processes with one store: the one that evaluates writes, whichever that is."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

import vitalspan as vs
from support.stored import WALL, call, fail, reader_of, sqlite_url
from support.worker_processes import die, publish


@pytest.fixture
def url(tmp_path):
    return sqlite_url(tmp_path)


def begin(folder, url, clock):
    monitor = vs.Monitor(
        registry=CollectorRegistry(),
        clock=clock,
        system_metrics=False,
        workers=str(folder),
        publish_interval=3600.0,
        store=url,
    )
    monitor.rules.add(alert="Errors", signal="error_ratio", window="5m", above=0.1)
    return monitor


def run(monitors, clock, times, *, failing=False):
    for _ in range(times):
        for monitor in monitors:
            call(monitor, clock, [0.5])
            if failing:
                fail(monitor)
        for monitor in monitors:
            publish(monitor)
        clock.advance(5 - 0.5 * len(monitors))
        for monitor in monitors:
            monitor.tick()


def stored(url, clock):
    series = reader_of(url).period(WALL, clock.wall() + 5, clock.wall() + 5).series
    return sum(one.count for one in series)


def written(monitor):
    return monitor.evaluation.persistence.status.writes["written"]


def test_the_process_that_evaluates_writes_for_all(tmp_path, url):
    clock = vs.ManualClock(wall=WALL)
    monitors = [begin(tmp_path / "shared", url, clock) for _ in range(3)]
    run(monitors, clock, 10)
    assert [bool(written(monitor)) for monitor in monitors] == [True, False, False]
    assert stored(url, clock) == 30
    assert monitors[1].evaluation.persistence.status.writes["failed"] == 0
    for monitor in monitors:
        monitor.close()


@pytest.mark.parametrize("end", [vs.Monitor.close, die])
def test_another_process_goes_on_without_a_loss(tmp_path, url, end):
    clock = vs.ManualClock(wall=WALL)
    monitors = [begin(tmp_path / "shared", url, clock) for _ in range(2)]
    run(monitors, clock, 10)
    end(monitors[0])
    run(monitors[1:], clock, 10)
    assert written(monitors[1]) > 0
    assert stored(url, clock) == 30
    statistics = monitors[1].statistics.operation("pay", window=86_400)
    assert statistics.count == 30
    for monitor in monitors:
        monitor.close()


def test_a_process_that_does_not_evaluate_is_asked_about_the_past(tmp_path, url):
    clock = vs.ManualClock(wall=WALL)
    monitors = [begin(tmp_path / "shared", url, clock) for _ in range(2)]
    run(monitors, clock, 10)
    assert monitors[1].statistics.operation("pay", window=3600).count == 20
    for monitor in monitors:
        monitor.close()


def test_alerts_and_silences_survive_a_new_directory(tmp_path, url):
    clock = vs.ManualClock(wall=WALL)
    monitor = begin(tmp_path / "one", url, clock)
    run([monitor], clock, 10, failing=True)
    monitor.alerts.silence({"alertname": "Errors"}, 3600)
    run([monitor], clock, 1, failing=True)
    (before,) = monitor.alerts.active()
    monitor.close()
    clock.advance(30)
    monitor = begin(tmp_path / "two", url, clock)
    run([monitor], clock, 1, failing=True)
    (after,) = monitor.alerts.active()
    assert (after.id, after.state) == (before.id, "firing")
    assert len(monitor.alerts.silences()) == 1
    monitor.close()
