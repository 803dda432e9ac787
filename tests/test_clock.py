"""The clocks: the system's, and one that a test moves."""

from __future__ import annotations

import time

import pytest
from prometheus_client import CollectorRegistry

import vitalspan as vs


def test_the_system_clock_reads_the_systems() -> None:
    clock = vs.SystemClock()
    before, steady = time.time(), time.perf_counter()
    assert steady <= clock.now() <= time.perf_counter()
    assert before <= clock.wall() <= time.time()
    # No frame of Python between a call and the clock.
    assert clock.now is time.perf_counter


def test_the_manual_clock_moves_only_when_told() -> None:
    clock = vs.ManualClock(start=5.0, wall=100.0)
    assert (clock.now(), clock.wall()) == (5.0, 100.0)
    assert (clock.now(), clock.wall()) == (5.0, 100.0)
    clock.advance(2.5)
    assert (clock.now(), clock.wall()) == (7.5, 102.5)
    clock.advance(0)
    assert clock.now() == 7.5


def test_the_manual_clock_never_goes_back() -> None:
    clock = vs.ManualClock()
    with pytest.raises(ValueError, match="cannot go back"):
        clock.advance(-1)
    assert clock.now() == 1000.0


def test_the_time_of_day_can_step() -> None:
    clock = vs.ManualClock(start=0.0, wall=100.0)
    clock.step_wall(-50)
    assert (clock.now(), clock.wall()) == (0.0, 50.0)
    clock.advance(1)
    assert clock.wall() == 51.0


def test_durations_do_not_follow_the_time_of_day() -> None:
    clock = vs.ManualClock()
    monitor = vs.Monitor(registry=CollectorRegistry(), clock=clock, system_metrics=False)
    with monitor.operation("f"):
        clock.advance(1)
        clock.step_wall(-86400)
        clock.advance(1)
    assert [call.duration for call in monitor.recent_calls()] == [2.0]
    monitor.close()


def test_a_clock_of_ones_own() -> None:
    class Ticking:
        def __init__(self) -> None:
            self.ticks = 0.0

        def now(self) -> float:
            self.ticks += 1.0
            return self.ticks

        def wall(self) -> float:
            return self.ticks + 100.0

    clock: vs.Clock = Ticking()
    monitor = vs.Monitor(registry=CollectorRegistry(), clock=clock, system_metrics=False)
    with monitor.operation("f", resources=False):
        pass
    assert [call.duration for call in monitor.recent_calls()] == [1.0]
    monitor.close()
