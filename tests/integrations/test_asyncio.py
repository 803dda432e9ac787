"""Lag and tasks of event loops."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import vitalspan as vs
from vitalspan.integrations.asyncio import LoopWatch, instrument


class Loop:
    """A loop whose timers a test calls."""

    def __init__(self) -> None:
        self.timers: list[Callable[[], None]] = []

    def is_closed(self) -> bool:
        return False

    def call_soon_threadsafe(self, callback: Callable[[], None]) -> None:
        callback()

    def call_later(self, delay: float, callback: Callable[[], None]) -> Any:
        self.timers.append(callback)


@pytest.fixture
def loop() -> Any:
    return Loop()


def test_the_lag_is_how_late_the_loop_is(loop: Any, clock: vs.ManualClock) -> None:
    watch = LoopWatch(loop, 0.5, clock)
    assert watch.lag() == 0
    watch.start()
    clock.advance(0.5)
    loop.timers.pop()()
    assert watch.lag() == 0
    clock.advance(0.75)
    loop.timers.pop()()
    assert watch.lag() == pytest.approx(0.25)


def test_a_loop_that_is_blocked_is_seen_while_it_is(loop: Any, clock: vs.ManualClock) -> None:
    watch = LoopWatch(loop, 0.5, clock)
    watch.start()
    clock.advance(10.5)
    assert watch.lag() == pytest.approx(10)


@given(st.lists(st.floats(0, 5), min_size=1, max_size=400))
def test_a_lag_is_remembered_for_a_minute_and_forgotten_after_two(delays: list[float]) -> None:
    clock, loop = vs.ManualClock(), Loop()
    watch = LoopWatch(loop, 0.5, clock)  # type: ignore[arg-type]
    watch.start()
    seen: list[tuple[float, float]] = []
    for delay in delays:
        clock.advance(0.5 + delay)
        loop.timers.pop()()
        seen.append((clock.now(), delay))
        now = clock.now()
        last_minute = max(lag for at, lag in seen if now - at < 60)
        last_three = max(lag for at, lag in seen if now - at < 180)
        assert last_minute - 1e-6 <= watch.lag() <= last_three + 1e-6


def test_a_real_loop(monitor: vs.Monitor, run: Any) -> None:
    value = monitor.registry.get_sample_value

    async def main() -> None:
        watch = instrument(name="web", interval=0.01, monitor=monitor)
        assert instrument(name="web", monitor=monitor) is watch
        task = asyncio.create_task(asyncio.sleep(60))
        await asyncio.sleep(0)
        assert value("event_loop_tasks", {"loop": "web"}) == 2
        assert value("event_loop_lag_seconds", {"loop": "web"}) == 0
        task.cancel()
        watch.stop()
        watch.stop()

    run(main())


def test_a_loop_that_is_closed(monitor: vs.Monitor, clock: vs.ManualClock) -> None:
    value = monitor.registry.get_sample_value

    async def main() -> LoopWatch:
        return instrument(name="short", interval=0.01, monitor=monitor)

    with asyncio.Runner() as runner:
        watch = runner.run(main())
        closed = weakref.ref(runner.get_loop())
    clock.advance(3600.0)
    assert (watch.lag(), watch.tasks()) == (0, 0)
    assert value("event_loop_lag_seconds", {"loop": "short"}) == 0
    del runner, watch
    gc.collect()
    assert closed() is None
    assert value("event_loop_lag_seconds", {"loop": "short"}) is None


def test_a_rule(monitor: vs.Monitor, clock: vs.ManualClock, loop: Any) -> None:
    monitor.rules.add(
        alert="LoopBlocked", series="event_loop_lag_seconds", aggregate="max", above=0.2
    )
    watch = instrument(loop, monitor=monitor)
    monitor.tick()
    assert not monitor.alerts.active()
    clock.advance(5.0)
    monitor.tick()
    assert [alert.alertname for alert in monitor.alerts.active()] == ["LoopBlocked"]
    assert watch.lag() == pytest.approx(4.5)


def test_mistakes(loop: Any, monitor: vs.Monitor) -> None:
    with pytest.raises(vs.ConfigurationError, match="interval=0: use seconds"):
        instrument(loop, interval=0, monitor=monitor)
    with pytest.raises(RuntimeError, match="no running event loop"):
        instrument(monitor=monitor)
