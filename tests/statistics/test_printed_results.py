"""What `print` shows of statistics, sessions and comparisons: short lines for people."""

from __future__ import annotations

from contextlib import suppress

import vitalspan as vs
from vitalspan.sessions.session_statistics import SessionStatistics
from vitalspan.timestamps import timestamp


def film(
    monitor: vs.Monitor, clock: vs.ManualClock, *durations: float, fails: bool = False
) -> SessionStatistics:
    with monitor.session("film") as session:
        for duration in durations:
            with suppress(ValueError), monitor.operation("render", component="studio"):
                clock.advance(duration)
                if fails:
                    raise ValueError
            session.count("scenes")
    return session.statistics()


def test_statistics_are_printed_in_one_line(monitor: vs.Monitor, clock: vs.ManualClock) -> None:
    statistics = monitor.statistics
    assert str(statistics.operation("render")) == "render: no calls in 0 s"
    film(monitor, clock, 2.0)
    with monitor.operation("render", component="studio"):
        assert str(statistics.component("studio")) == (
            "component studio: 1 call in 2 s, 0 failed, mean 2 s, p50 2 s, p95 2 s, longest 2 s, "
            "1 in progress"
        )
    film(monitor, clock, 4.0, fails=True)
    [one] = statistics.operations()
    assert str(one).startswith("studio/render: 3 calls in 6 s, 1 failed (33.33 %), mean 2 s, ")
    assert str(statistics()).startswith("all operations: 3 calls in 6 s, ")


def test_a_timeline_is_printed_with_a_line_for_each_slot(
    monitor: vs.Monitor, clock: vs.ManualClock
) -> None:
    assert str(monitor.statistics.timeline("render")) == "render: no slots"
    film(monitor, clock, 2.0)
    monitor.tick()
    head, slot = str(monitor.statistics.timeline("render")).split("\n  ")
    assert head == "render: 1 slot"
    assert slot.endswith("Z: 1 call in 2 s, 0 failed, mean 2 s, p50 2 s, p95 2 s, longest 2 s")


def test_a_session_is_printed_with_its_operations_and_counts(
    monitor: vs.Monitor, clock: vs.ManualClock
) -> None:
    figures = "1 call in 2 s, 0 failed, mean 2 s, p50 2 s, p95 2 s, longest 2 s"
    assert str(film(monitor, clock, 2.0)) == (
        f"session film: {figures}\n  studio/render: {figures}\ncounted\n  scenes: 1"
    )


def test_a_comparison_is_printed_with_what_has_changed_first(
    monitor: vs.Monitor, clock: vs.ManualClock
) -> None:
    began = clock.wall()
    with monitor.session("film") as first:
        for name in ("slow", "same"):
            for _ in range(10):
                with monitor.operation(name):
                    clock.advance(1.0)
        with monitor.operation("cut"):
            clock.advance(1.0)
        first.count("scenes", 10)
    with monitor.session("film") as second:
        for name, duration in (("same", 1.0), ("slow", 4.0)):
            for _ in range(10):
                with monitor.operation(name):
                    clock.advance(duration)
        second.count("scenes", 5)
    comparison = monitor.sessions.compare(first, second)
    head, *lines = str(comparison).splitlines()
    date = timestamp(began)
    assert head == (
        f"film of {timestamp(began + 21)}, compared with film of {date}: 1 of 3 operations changed "
        "(0.95 confidence)"
    )
    same_errors = "error rate 0 % as before, no more than noise (p = 1)"
    assert lines == [
        "  default/slow: mean 1 s to 4 s (+300 %), changed (p = 1.6e-05); " + same_errors,
        "  default/same: mean 1 s as before, no more than noise (p = 1); " + same_errors,
        "  default/cut: 1 call before, not called after",
        "counted",
        "  scenes: 10 to 5 (-50 %)",
    ]
    assert str(comparison.operation("slow")) == lines[0].strip()


def test_a_long_comparison_is_printed_in_part(monitor: vs.Monitor, clock: vs.ManualClock) -> None:
    with monitor.session("film") as session:
        for number in range(13):
            with monitor.operation(f"scene\n{number}"):
                clock.advance(1.0)
    lines = str(monitor.sessions.compare(session, session)).splitlines()
    assert len(lines) == 12
    assert lines[1] == (
        "  default/scene\\n0: mean 1 s as before, too few calls to tell; "
        "error rate 0 % as before, no more than noise (p = 1)"
    )
    assert lines[-1] == "  and 3 operations more"


def test_health_is_printed_as_it_explains_itself(monitor: vs.Monitor) -> None:
    health = monitor.health()
    assert str(health) == health.explain()
