"""Each trap that instrumentation has fallen into before, by the durations and counts it spoils."""

from __future__ import annotations

import asyncio
import gc
import inspect
import signal
import time
from typing import Any

import pytest
from opentelemetry import context, trace
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.registry import Collector

import vitalspan as vs
from support.subprograms import run_program


@pytest.fixture
def state(sample):
    """Calls that ended, their seconds, how many were cancelled, how many are inside."""

    def read(operation: str) -> tuple[float | None, ...]:
        names = (
            "operation_duration_seconds_count",
            "operation_duration_seconds_sum",
            "operation_cancellations_total",
            "operation_in_progress",
        )
        return tuple(sample(name, operation=operation) for name in names)

    return read


def test_a_coroutine_is_not_timed_at_its_creation(monitor, clock, state, run):
    @monitor.operation("fetch")
    async def fetch() -> None:
        clock.advance(1)
        await asyncio.sleep(0)
        clock.advance(2)

    async def main() -> None:
        made = fetch()
        assert state("fetch") == (0, 0, 0, 0)
        clock.advance(50)
        await made

    run(main())
    assert state("fetch") == (1, 3, 0, 0)


def test_a_generator_is_not_timed_at_its_creation(monitor, clock, state, run):
    @monitor.operation("walk")
    def walk() -> Any:
        clock.advance(1)
        yield
        clock.advance(2)

    @monitor.operation("stream")
    async def stream() -> Any:
        clock.advance(1)
        yield
        clock.advance(2)

    async def main() -> None:
        streaming = stream()
        clock.advance(50)
        async for _ in streaming:
            pass

    walking = walk()
    clock.advance(50)
    assert state("walk") == (0, 0, 0, 0)
    list(walking)
    run(main())
    assert state("walk") == (1, 3, 0, 0)
    assert state("stream") == (1, 3, 0, 0)


def test_a_cancelled_task_leaves_nothing_in_progress_and_is_counted(
    monitor, clock, state, sample, run
):
    @monitor.operation("wait")
    async def wait() -> None:
        clock.advance(4)
        await asyncio.sleep(3600)

    async def main() -> None:
        task = asyncio.ensure_future(wait())
        await asyncio.sleep(0)
        assert state("wait") == (0, 0, 0, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main())
    assert state("wait") == (1, 4, 1, 0)
    assert "operation_errors_total{" not in monitor.generate_latest().decode()


def test_a_span_is_not_current_across_a_yield(traced, clock, state, run):
    @traced.operation("walk")
    def walk() -> Any:
        for _ in range(3):
            clock.advance(1)
            yield trace.get_current_span().get_span_context().is_valid

    @traced.operation("stream")
    async def stream() -> Any:
        for _ in range(3):
            clock.advance(1)
            yield trace.get_current_span().get_span_context().is_valid

    async def main() -> None:
        before = context.get_current()
        async for inside in stream():
            assert inside
            assert context.get_current() is before

    before = context.get_current()
    for inside in walk():
        assert inside
        assert context.get_current() is before
    # Left in the middle, it leaks nothing either.
    for _ in walk():
        break
    gc.collect()
    assert context.get_current() is before
    run(main())
    assert state("walk") == (2, 4, 1, 0)
    assert state("stream") == (1, 3, 0, 0)


def test_the_decorator_does_not_hide_what_a_function_is(monitor, clock, state, run):
    @monitor.operation("f")
    async def f() -> None:
        clock.advance(1)

    class Views:
        @monitor.operation("f")
        async def get(self) -> None:
            clock.advance(1)

    def framework(view: Any) -> Any:
        # As web frameworks decide whether to await, or to run in a thread.
        return run(view()) if inspect.iscoroutinefunction(view) else view()

    framework(f)
    framework(Views().get)
    assert state("f") == (2, 2, 0, 0)


def test_a_class_is_not_replaced_by_a_function(monitor, clock, state):
    with pytest.raises(TypeError, match="decorate its methods"):

        @monitor.operation("Shop")
        class Shop:
            pass

    class Till:
        @monitor.operation("sell")
        def sell(self) -> None:
            clock.advance(3)

    assert isinstance(Till, type)
    Till().sell()
    assert state("sell") == (1, 3, 0, 0)


@pytest.mark.parametrize("step", [-7200, 7200])
def test_durations_do_not_follow_the_wall_clock(monitor, clock, state, sample, step):
    @monitor.operation("f")
    def f() -> None:
        clock.advance(2)
        clock.step_wall(step)

    @monitor.operation("g")
    def g() -> Any:
        yield clock.step_wall(step)
        assert sample("operation_oldest_in_progress_seconds", operation="g") == 0
        clock.advance(1)

    f()
    list(g())
    assert state("f") == (1, 2, 0, 0)
    assert state("g") == (1, 1, 0, 0)


def test_the_real_clock_is_steady():
    assert vs.SystemClock().now is time.perf_counter
    assert time.get_clock_info("perf_counter").monotonic


def test_one_bad_collector_does_not_fail_the_scrape(monitor, clock, registry):
    class Bad(Collector):
        def collect(self) -> Any:
            raise RuntimeError("bad")

        def describe(self) -> Any:
            return []

    registry.register(Bad())
    Counter("good", "Good.", registry=registry).inc(3)
    monitor.operation("f")(clock.advance)(2)
    written = monitor.generate_latest().decode().splitlines()
    assert "good_total 3.0" in written
    assert 'operation_duration_seconds_sum{component="default",operation="f"} 2.0' in written
    assert f'vitalspan_collector_errors_total{{collector="{Bad.__qualname__}"}} 1' in written


def test_a_fork_does_not_count_twice():
    out = run_program(
        """
        clock = vs.ManualClock()
        registry = CollectorRegistry()
        monitor = vs.Monitor(registry=registry, clock=clock, system_metrics=False)

        def state():
            monitor.fold()
            labels = {"component": "default", "operation": "f"}
            names = ("duration_seconds_count", "duration_seconds_sum", "in_progress",
                     "cancellations_total")
            errors = registry.get_sample_value(
                "operation_errors_total", {**labels, "error_type": "KeyError"})
            values = [registry.get_sample_value("operation_" + name, labels) for name in names]
            return [*map(int, values), errors, len(monitor.recent_calls())]

        def report(who):
            sys.stdout.write(f"{who} {state()}\\n")
            sys.stdout.flush()

        @monitor.operation("f")
        def f(seconds):
            clock.advance(seconds)

        @monitor.operation("f")
        def forking():
            clock.advance(8)
            child = os.fork()
            clock.advance(1)
            if not child:
                report("child inside")
                f(32)
                report("child after one")
                raise KeyError
            os.waitpid(child, 0)
            return child

        f(1)
        monitor.fold()
        f(2)
        kept = monitor.operation("f")
        kept.__enter__()
        try:
            child = forking()
        except KeyError:
            # Begun before the fork, so its parent counts it.
            kept.__exit__(None, None, None)
            report("child")
            os._exit(0)
        kept.__exit__(None, None, None)
        report("parent")
        """
    )
    assert out.splitlines() == [
        "child inside [0, 0, 0, 0, None, 0]",
        "child after one [1, 32, 0, 0, None, 1]",
        "child [1, 32, 0, 0, None, 1]",
        "parent [4, 21, 0, 0, None, 4]",
    ]


def test_nothing_is_built_at_import():
    out = run_program(
        """
        import threading
        from prometheus_client import REGISTRY

        before = set(REGISTRY._names_to_collectors)
        import vitalspan as vs

        assert set(REGISTRY._names_to_collectors) == before
        assert threading.active_count() == 1

        clock = vs.ManualClock()

        @vs.Monitor(registry=None, clock=clock, system_metrics=False).operation("f")
        def f():
            clock.advance(2)

        f()
        print(REGISTRY.get_sample_value(
            "operation_duration_seconds_sum", {"component": "default", "operation": "f"}))
        """,
        prelude="",
    )
    assert out == "2.0\n"


class _InterruptingClock(vs.ManualClock):
    """A clock whose readings, some of them under a lock, are where something else comes between."""

    interrupt: Any = None

    def now(self) -> float:
        interrupt, self.interrupt = self.interrupt, None
        if interrupt is not None:
            interrupt()
        return super().now()


@pytest.fixture
def interrupted():
    """A monitor whose clock can be interrupted, with what an interruption does to it."""
    clock = _InterruptingClock()
    registry = CollectorRegistry()
    monitor = vs.Monitor(registry=registry, clock=clock, system_metrics=False)
    f = monitor.operation("f", resources=False)(lambda: clock.advance(0.5))
    cache = monitor.cache("c")

    def disturb(*_: Any) -> None:
        for _ in range(400):
            f()
            cache.hit()
        with monitor.operation("b"):
            pass
        monitor.operation("new")(lambda: None)()
        monitor.recent_calls()
        monitor.generate_latest()

    def total() -> tuple[float | None, ...]:
        read = registry.get_sample_value
        labels = {"component": "default", "operation": "f"}
        return (
            read("operation_duration_seconds_count", labels),
            read("operation_duration_seconds_sum", labels),
            read("cache_requests_total", {"component": "default", "cache": "c", "result": "hit"}),
        )

    yield monitor, clock, f, disturb, total
    monitor.close()


def _during_a_fold(monitor: vs.Monitor, clock: _InterruptingClock, f: Any, interrupt: Any) -> None:
    for _ in range(5):
        f()
    clock.interrupt = interrupt
    monitor.fold()
    assert clock.interrupt is None


def test_no_lock_is_entered_again_by_a_garbage_collection_callback(interrupted):
    monitor, clock, f, disturb, total = interrupted

    def callback(phase: str, _: Any) -> None:
        if phase == "start":
            disturb()

    def collect() -> None:
        gc.callbacks.append(callback)
        try:
            gc.collect()
        finally:
            gc.callbacks.remove(callback)

    _during_a_fold(monitor, clock, f, collect)
    assert total() == (405, 202.5, 400)


def test_no_lock_is_entered_again_by_a_finalizer(interrupted):
    monitor, clock, f, disturb, total = interrupted

    class Finalized:
        def __del__(self) -> None:
            disturb()

    def collect() -> None:
        one = Finalized()
        one.itself = one
        del one
        gc.collect()

    _during_a_fold(monitor, clock, f, collect)
    assert total() == (405, 202.5, 400)


def test_no_lock_is_entered_again_by_a_signal_handler(interrupted):
    monitor, clock, f, disturb, total = interrupted
    before = signal.signal(signal.SIGTERM, disturb)
    try:
        _during_a_fold(monitor, clock, f, lambda: signal.raise_signal(signal.SIGTERM))
    finally:
        signal.signal(signal.SIGTERM, before)
    assert total() == (405, 202.5, 400)


def test_a_signal_handler_that_raises_loses_no_call(interrupted):
    monitor, clock, f, disturb, total = interrupted

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        with pytest.raises(KeyboardInterrupt):
            _during_a_fold(monitor, clock, f, lambda: signal.raise_signal(signal.SIGTERM))
    finally:
        signal.signal(signal.SIGTERM, before)
    disturb()
    assert total() == (405, 202.5, 400)
