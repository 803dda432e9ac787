"""`monitor.profiles`: real slow calls, profiled by a thread; settings, forks and the end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

import vitalspan as vs
from support.subprograms import FORKING, run_program
from support.waiting import wait_until
from vitalspan.profiling.profile import Profile

ENOUGH = 12
"""Samples that a guilty line waits for."""


@pytest.fixture
def monitor() -> Iterator[vs.Monitor]:
    """A monitor in real time that profiles slow calls."""
    made = vs.Monitor(registry=CollectorRegistry(), system_metrics=False, profile_slow_calls=True)
    yield made
    made.close()


def is_sampled(monitor: vs.Monitor) -> Callable[[], bool]:
    """Whether the call that is inside has been looked at often enough."""
    watcher = monitor.profiles._watcher

    def asked() -> bool:
        sampler = watcher._sampler
        return sampler is not None and len(sampler._tree) >= ENOUGH

    return asked


def guilty_place(function: Any, offset: int) -> tuple[str, int]:
    code = function.__code__
    return code.co_qualname, code.co_firstlineno + offset


def the_profile(monitor: vs.Monitor) -> Profile:
    return wait_until(monitor.profiles.recent)[0]


def check(monitor: vs.Monitor, guilty: tuple[str, int]) -> Profile:
    """The profile names the guilty line, and the slow call has its id."""
    profile = the_profile(monitor)
    first = profile.lines()[0]
    assert (first.frame.function, first.frame.lineno) == guilty
    assert first.share > 0.5
    assert guilty[0] in profile.collapsed()
    assert f"{guilty[0]} (" in str(profile).splitlines()[1]
    (call,) = monitor.slow_calls()
    assert call.profile_id == profile.id
    assert monitor.profiles.get(call.profile_id) is profile
    return profile


def work_until(released: list[bool]) -> None:
    while not released:
        pass


def test_a_slow_function(monitor: vs.Monitor) -> None:
    pay = monitor.operation("pay", component="shop", slow=0.001, resources=False)(work_until)
    released: list[bool] = []
    thread = threading.Thread(target=pay, args=(released,), name="payer")
    thread.start()
    wait_until(is_sampled(monitor))
    released.append(True)
    thread.join()
    profile = the_profile(monitor)
    assert {one.frame.function for one in profile.lines()} == {"work_until"}
    first = work_until.__code__.co_firstlineno
    assert {one.frame.lineno for one in profile.lines()} <= {first + 1, first + 2}
    assert (profile.thread, profile.ended) == ("payer", True)
    assert monitor.slow_calls()[0].profile_id == profile.id
    assert monitor.profiles.recent("pay", component="shop") == [profile]
    assert monitor.profiles.recent("refund") == monitor.profiles.recent(component="bank") == []
    assert profile.svg().startswith("<svg ")
    assert profile.speedscope()["profiles"][0]["weights"] == list(profile.samples.seconds)


def test_a_function_that_waits(monitor: vs.Monitor) -> None:
    ended = threading.Event()

    @monitor.operation("pay", slow=0.001, resources=False)
    def pay() -> None:
        acquire()

    lock = threading.Lock()

    def acquire() -> None:
        lock.acquire()
        ended.set()

    lock.acquire()
    thread = threading.Thread(target=pay, name="payer")
    thread.start()
    wait_until(is_sampled(monitor))
    lock.release()
    thread.join()
    profile = check(monitor, guilty_place(acquire, 1))
    assert profile.thread == "payer"


def test_a_slow_coroutine(monitor: vs.Monitor) -> None:
    asked = is_sampled(monitor)

    async def fetch(future: asyncio.Future[None]) -> None:
        await future

    @monitor.operation("order", slow=0.001, resources=False)
    async def order(future: asyncio.Future[None]) -> None:
        await fetch(future)

    async def main() -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(order(future), name="order 7")
        while not asked():
            await asyncio.sleep(0.001)
        future.set_result(None)
        await task

    asyncio.run(main())
    profile = check(monitor, guilty_place(fetch, 1))
    assert profile.task == "order 7"


def test_a_slow_generator(monitor: vs.Monitor) -> None:
    ready = threading.Event()

    @monitor.operation("rows", slow=0.001, resources=False)
    def rows() -> Iterator[int]:
        yield 1
        lock.acquire()
        yield 2

    def read() -> None:
        reading = rows()
        next(reading)
        ready.set()
        next(reading)
        reading.close()  # type: ignore[attr-defined]

    lock = threading.Lock()
    lock.acquire()
    thread = threading.Thread(target=read, name="reader")
    thread.start()
    assert ready.wait(60)
    wait_until(is_sampled(monitor))
    lock.release()
    thread.join()
    profile = check(monitor, guilty_place(rows.__wrapped__, 3))  # type: ignore[attr-defined]
    assert profile.thread == "reader"


def test_it_is_off_by_default() -> None:
    monitor = vs.Monitor(registry=CollectorRegistry(), system_metrics=False)
    assert monitor._recorder.profile_of is None
    assert type(monitor).profiles.if_made(monitor) is None
    assert monitor.profiles.recent() == []
    assert monitor.profiles.get(None) is monitor.profiles.get("x") is None
    assert monitor.profiles._thread is None
    monitor.close()


def test_it_is_switched_on_and_off(monitor: vs.Monitor) -> None:
    thread = monitor.profiles._thread
    assert thread is not None
    assert thread.is_alive()
    monitor.configure(profiles_per_hour=3, profile_seconds=1)
    assert monitor.profiles._thread is thread
    assert monitor.profiles._watcher.per_hour == 3
    monitor.configure(profile_slow_calls=False)
    thread.join(60)
    assert not thread.is_alive()
    assert monitor._recorder.profile_of is None
    monitor.configure(profile_slow_calls=True)
    again = monitor.profiles._thread
    assert again is not None
    assert again is not thread
    monitor.close()
    assert not again.is_alive()


def test_without_the_interpreter_lock_nothing_is_profiled(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("vitalspan.profiling.profiles.gil_is_enabled", lambda: False)
    monitor = vs.Monitor(
        registry=CollectorRegistry(), system_metrics=False, profile_slow_calls=True
    )
    assert monitor.profiles._thread is None
    assert "only with the global interpreter lock" in caplog.text
    monitor.close()


def test_the_thread_survives_a_fault(
    monitor: vs.Monitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> float:
        raise OSError("no")

    failing = monitor.profiles._watcher
    monkeypatch.setattr(failing, "step", fail)
    wait_until(lambda: "a slow call is not profiled" in caplog.text)
    assert monitor._recorder.internal_errors.counts["profile"]
    monkeypatch.undo()
    thread = monitor.profiles._thread
    assert thread is not None
    assert thread.is_alive()


def test_a_reset_forgets_the_profiles(monitor: vs.Monitor) -> None:
    with monitor.operation("f", slow=0.001) as call:
        wait_until(is_sampled(monitor))
    assert call is not None
    assert the_profile(monitor).operation == "f"
    monitor.reset()
    assert monitor.profiles.recent() == []
    thread = monitor.profiles._thread
    assert thread is not None
    assert thread.is_alive()


def test_a_forked_child_profiles_its_own_calls() -> None:
    run_program(
        FORKING
        + """
import threading, time
from support.waiting import wait_until

monitor = vs.Monitor(registry=CollectorRegistry(), system_metrics=False, profile_slow_calls=True)

@monitor.operation("f", slow=0.001, resources=False)
def f():
    sampler = None
    while sampler is None or not sampler.is_worth_keeping:
        sampler = monitor.profiles._watcher._sampler

def profiled():
    f()
    return len(wait_until(monitor.profiles.recent))

assert profiled() == 1

def child():
    assert monitor.profiles.recent() == []
    assert profiled() == 1
    assert monitor.profiles._thread.is_alive()

in_child(child)
assert len(monitor.profiles.recent()) == 1
monitor.close()
"""
    )
