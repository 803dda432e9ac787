"""The last calls can be read at any time, in the order in which they ended."""

from __future__ import annotations

import threading
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

import vitalspan as vs
from vitalspan.recording.recent_calls import RecentCalls

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("start"), st.integers(0, 3)),
        st.tuples(st.just("end"), st.integers(0, 20)),
        st.tuples(st.just("pass"), st.sampled_from([0.001, 0.5, 3.0, 100.0])),
        st.tuples(st.just("calls"), st.integers(0, 3), st.integers(1, 60)),
        st.tuples(st.just("read"), st.just(0)),
        st.tuples(st.just("fold"), st.just(0)),
    ),
    max_size=80,
)


@settings(max_examples=200)
@given(steps=STEPS, size=st.sampled_from([0, 1, 3, 17, 100]))
def test_the_last_calls_equal_an_oracle(steps: list[Any], size: int) -> None:
    clock = vs.ManualClock()
    monitor = vs.Monitor(
        registry=CollectorRegistry(), clock=clock, system_metrics=False, recent_calls=size
    )
    inside: list[tuple[Any, float, str, int]] = []
    ended: list[tuple[str, int]] = []
    serial = 0

    def start(number: int) -> None:
        nonlocal serial
        serial += 1
        name = f"o{number}"
        block = monitor.operation(name, resources=False)
        call = block.__enter__()
        call.set_attribute("serial", serial)
        inside.append((block, clock.now(), name, serial))

    def end(index: int) -> None:
        # Two ends at one instant have no order.
        clock.advance(0.001)
        block, _, name, number = inside.pop(index % len(inside))
        block.__exit__(None, None, None)
        ended.append((name, number))

    def check() -> None:
        found = [(call.operation, call.attributes["serial"]) for call in monitor.recent_calls()]
        assert found == ended[-size:] if size else found == []

    for step in steps:
        match step:
            case ("start", number):
                start(number)
            case ("end", index) if inside:
                end(index)
            case ("pass", seconds):
                clock.advance(seconds)
            case ("calls", number, calls):
                for _ in range(calls):
                    start(number)
                    end(-1)
            case ("read", _):
                check()
            case ("fold", _):
                monitor.fold()
    check()
    monitor.close()


def test_a_long_call_that_ends_last_is_last(monitor: vs.Monitor, clock: vs.ManualClock) -> None:
    monitor.configure(recent_calls=1)
    long, short = monitor.operation("long"), monitor.operation("short")
    clock.advance(90)
    with long:
        for _ in range(1000):
            clock.advance(0.01)
            with short:
                clock.advance(0.001)
        assert [call.operation for call in monitor.recent_calls()] == ["short"]
        clock.advance(1)
    assert [call.operation for call in monitor.recent_calls()] == ["long"]


def test_everything_about_a_call(monitor: vs.Monitor, clock: vs.ManualClock) -> None:
    began = clock.wall()
    operation = monitor.operation(
        "parse",
        component="shop",
        labels={"kind": "page"},
        attributes={"version": 3},
        resources=True,
    )
    with operation as call:
        call.add("items", 2)
        call.add("items", 3)
        call.set_attribute("page", 7)
        clock.advance(0.25)
    (found,) = monitor.recent_calls()
    assert found.operation == "parse"
    assert found.component == "shop"
    assert found.labels == {"kind": "page"}
    assert found.start == pytest.approx(began)
    assert found.duration == 0.25
    assert (found.outcome, found.error_type) == ("ok", None)
    assert found.attributes == {"version": 3, "page": 7}
    assert found.measures == {"items": 5}
    assert found.rss_before is not None
    assert found.rss_after is not None
    assert found.rss_before > 0
    assert found.memory_delta == found.rss_after - found.rss_before
    assert found.cpu_seconds is not None
    assert found.cpu_seconds >= 0
    assert found.trace_id is None


def test_what_was_not_measured_is_none(monitor: vs.Monitor) -> None:
    with monitor.operation("f", resources=False):
        pass
    (found,) = monitor.recent_calls()
    assert (found.rss_before, found.memory_delta, found.cpu_seconds) == (None, None, None)
    assert (found.attributes, found.measures, found.labels) == ({}, {}, {})


@pytest.mark.parametrize(
    ("error", "outcome", "error_type"),
    [
        (ValueError("x"), "error", "ValueError"),
        (vs.ConfigurationError("x"), "error", "vitalspan.errors.ConfigurationError"),
        (SystemExit(3), "error", "SystemExit"),
        (KeyboardInterrupt(), "cancelled", None),
        (GeneratorExit(), "cancelled", None),
    ],
)
def test_outcomes(
    monitor: vs.Monitor, error: BaseException, outcome: str, error_type: str | None
) -> None:
    with pytest.raises(type(error)), monitor.operation("f"):
        raise error
    (found,) = monitor.recent_calls()
    assert (found.outcome, found.error_type) == (outcome, error_type)


@pytest.mark.parametrize("step", [3600.0, -3600.0])
def test_starts_follow_the_time_of_day_when_it_is_set(
    monitor: vs.Monitor, clock: vs.ManualClock, step: float
) -> None:
    with monitor.operation("f"):
        clock.advance(1)
        clock.step_wall(step)
        clock.advance(1)
    (found,) = monitor.recent_calls()
    assert found.duration == 2
    assert found.start == pytest.approx(clock.wall() - 2)


def test_a_call_in_progress_is_not_among_them(monitor: vs.Monitor, clock: vs.ManualClock) -> None:
    with monitor.operation("outer"):
        with monitor.operation("inner"):
            assert monitor.recent_calls() == []
        clock.advance(0.1)
    assert [call.operation for call in monitor.recent_calls()] == ["inner", "outer"]


def test_what_is_read_is_not_changed_by_its_reader(monitor: vs.Monitor) -> None:
    with monitor.operation("f", labels={"a": "b"}, attributes={"c": 1}):
        pass
    (found,) = monitor.recent_calls()
    found.labels["a"] = "x"  # type: ignore[index]
    found.attributes["c"] = "x"  # type: ignore[index]
    (found,) = monitor.recent_calls()
    assert found.labels == {"a": "b"}
    assert found.attributes == {"c": 1}


def test_the_size_can_change(monitor: vs.Monitor, clock: vs.ManualClock) -> None:
    def call(times: int) -> None:
        for _ in range(times):
            clock.advance(1)
            with monitor.operation("f"):
                pass

    call(50)
    monitor.configure(recent_calls=7)
    assert len(monitor.recent_calls()) == 7
    call(50)
    assert len(monitor.recent_calls()) == 7
    monitor.configure(recent_calls=20)
    assert len(monitor.recent_calls()) == 7
    call(500)
    last = monitor.recent_calls()
    assert len(last) == 20
    assert last[-1].start == pytest.approx(clock.wall())
    monitor.configure(recent_calls=0)
    assert monitor.recent_calls() == []


def test_what_is_kept_is_bounded() -> None:
    recent = RecentCalls(10)
    for number in range(1000):
        recent.add([[float(number % 7), 1.0, None] for _ in range(16)], 1.0)
        assert len(recent._kept) <= 4 * 10 + 128 + 16
    for number in range(1000):
        recent.add([[100.0 + number, 0.5, None]] * 16, 0.5)
        assert len(recent._kept) <= 4 * 10 + 128 + 16
    recent.settle()
    assert len(recent._kept) == 10


def test_reading_while_threads_record(monitor: vs.Monitor) -> None:
    real = vs.Monitor(registry=CollectorRegistry(), system_metrics=False, recent_calls=50)
    functions = [real.operation(f"f{number}")(lambda: None) for number in range(4)]
    threads = [
        threading.Thread(target=lambda f=function: [f() for _ in range(5000)])
        for function in functions
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        calls = real.recent_calls()
        ends = [call.start + call.duration for call in calls]
        assert len(calls) <= 50
        assert all(later >= earlier - 1e-3 for earlier, later in pairwise(ends))
    for thread in threads:
        thread.join()
    assert len(real.recent_calls()) == 50
    real.close()


def test_slow_calls_are_there_at_once_and_bounded(
    clock: vs.ManualClock, registry: CollectorRegistry
) -> None:
    monitor = vs.Monitor(registry=registry, clock=clock, system_metrics=False, slow_calls=3)
    for number in range(5):
        with monitor.operation("f", slow=1.0) as call:
            call.set_attribute("number", number)
            clock.advance(1.5)
        with monitor.operation("f", slow=1.0):
            clock.advance(1.0)
    assert [call.attributes["number"] for call in monitor.slow_calls()] == [2, 3, 4]
    monitor.configure(slow_calls=1)
    assert [call.attributes["number"] for call in monitor.slow_calls()] == [4]
    monitor.configure(slow_calls=0)
    assert monitor.slow_calls() == []
    monitor.close()
