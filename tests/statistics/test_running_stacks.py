"""The stacks of running calls: each names the line that it is stuck at."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import threading
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

import vitalspan as vs
from vitalspan.integrations.asgi import Middleware
from vitalspan.statistics.running_stacks import RunningStack
from vitalspan.statistics.thread_and_task_stacks import Frame


class Trap:
    """What a thread waits for, and another knows that it does."""

    def __init__(self) -> None:
        self.reached, self.released = threading.Event(), threading.Event()

    def wait(self) -> None:
        self.reached.set()
        self.released.wait(60)


def line_of(function: Callable[..., Any], offset: int) -> str:
    code = function.__code__
    return f"{code.co_filename}:{code.co_firstlineno + offset} in {code.co_qualname}"


def wait_for(trap: Trap) -> None:
    trap.wait()  # the guilty line


async def wait_long(future: Awaitable[None]) -> None:
    await future


def deep(trap: Trap) -> None:
    wait_for(trap)


@contextmanager
def stuck(work: Callable[[Trap], Any], monitor: vs.Monitor) -> Iterator[list[RunningStack]]:
    """A thread that is stuck in some work, and the stacks of its calls."""
    trap = Trap()
    thread = threading.Thread(target=work, args=(trap,), name="sticky")
    thread.start()
    try:
        assert trap.reached.wait(60)
        yield monitor.stacks()
    finally:
        trap.released.set()
        thread.join()


def names(stack: RunningStack) -> list[str]:
    return [frame.name.rpartition(".")[2] for frame in stack.frames]


def test_no_call_has_no_stack(monitor: vs.Monitor) -> None:
    assert monitor.stacks() == []


def test_a_stuck_thread(monitor: vs.Monitor, clock: vs.ManualClock) -> None:
    work = monitor.operation("work", component="shop")(deep)
    with stuck(work, monitor) as (stack,):
        assert (stack.operation, stack.component) == ("work", "shop")
        assert stack.age >= 0
        assert (stack.thread, stack.task, stack.trace_id) == ("sticky", None, None)
        assert names(stack)[:2] == ["deep", "wait_for"]
        guilty = stack.frames[1]
        assert guilty.line == "trap.wait()  # the guilty line"
        assert stack.frames[0].lineno == deep.__code__.co_firstlineno + 1
        text = str(stack)
        assert text.startswith("shop/work, for 0.000 s, thread sticky\n")
        assert "trap.wait()  # the guilty line" in text
        shown = json.loads(json.dumps(stack.to_dict()))
        assert shown["frames"][1]["function"] == "wait_for"
        assert shown["operation"] == "work"
    assert monitor.stacks() == []


def test_a_stuck_thread_with_a_span_and_its_age(traced: vs.Monitor, clock: vs.ManualClock) -> None:
    with stuck(traced.operation("work")(deep), traced) as (stack,):
        clock.advance(5)
        (later,) = traced.stacks()
        assert later.age == 5
        assert later.trace_id == stack.trace_id is not None
        assert len(later.trace_id or "") == 32
        assert names(later)[:2] == ["deep", "wait_for"]
        assert f"trace {later.trace_id}" in str(later)


def test_nested_calls_begin_each_at_its_own_function(monitor: vs.Monitor) -> None:
    inner = monitor.operation("inner", resources=True)(wait_for)

    def outer_work(trap: Trap) -> None:
        with monitor.operation("block") as call:
            call.add("items")
            inner(trap)

    with stuck(monitor.operation("outer")(outer_work), monitor) as found:
        stacks = {one.operation: names(one) for one in found}
    assert stacks["outer"][:2] == stacks["block"][:2] == ["outer_work", "wait_for"]
    assert stacks["inner"][0] == "wait_for"


def test_a_block_without_a_name_is_listed_without_frames(monitor: vs.Monitor) -> None:
    with monitor.operation("nameless"):
        (stack,) = monitor.stacks()
    assert stack.frames == []
    assert stack.place is None
    assert str(stack) == f"{stack.component}/nameless, for 0.000 s"


def test_the_call_that_asks(monitor: vs.Monitor) -> None:
    @monitor.operation("asking")
    def ask() -> list[RunningStack]:
        return monitor.stacks()

    (stack,) = ask()
    assert stack.place == line_of(ask.__wrapped__, 2)  # type: ignore[attr-defined]


async def stacks_of_waiting(
    monitor: vs.Monitor, work: Callable[[Awaitable[None]], Coroutine[Any, Any, Any]]
) -> list[RunningStack]:
    """The stacks while a task named `sticky` waits in some work."""
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(work(future), name="sticky")
    await asyncio.sleep(0)
    stacks = monitor.stacks()
    future.set_result(None)
    await task
    return stacks


@pytest.mark.parametrize("resources", [False, True])
def test_a_stuck_coroutine(monitor: vs.Monitor, resources: bool) -> None:
    async def middle(future: Awaitable[None]) -> None:
        await wait_long(future)

    work = monitor.operation("fetch", resources=resources)(middle)
    (stack,) = asyncio.run(stacks_of_waiting(monitor, work))
    assert (stack.thread, stack.task) == (None, "sticky")
    assert names(stack) == ["middle", "wait_long"]
    assert stack.place == line_of(wait_long, 1)


def test_a_stuck_coroutine_with_a_span(traced: vs.Monitor) -> None:
    work = traced.operation("fetch", resources=False)(wait_long)
    (stack,) = asyncio.run(stacks_of_waiting(traced, work))
    assert stack.place == line_of(wait_long, 1)
    assert stack.trace_id is not None


def test_blocks_of_a_waiting_task(monitor: vs.Monitor) -> None:
    async def work(future: Awaitable[None]) -> None:
        async with monitor.operation("named") as call:
            call.add("items")
            with monitor.operation("nameless"):
                await wait_long(future)

    stacks = asyncio.run(stacks_of_waiting(monitor, work))
    assert {one.operation: one.task for one in stacks}["named"] == "sticky"
    by_name = {one.operation: one.place for one in stacks}
    assert by_name["named"] == line_of(wait_long, 1)
    found = line_of(wait_long, 1) if sys.version_info < (3, 14) else None
    assert by_name["nameless"] == found


def test_a_task_that_waits_for_a_task(monitor: vs.Monitor) -> None:
    async def parent(future: Awaitable[None]) -> None:
        child = asyncio.create_task(monitor.operation("child")(wait_long)(future), name="small")
        await child

    async def main() -> list[RunningStack]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(monitor.operation("parent")(parent)(future), name="big")
        for _ in range(3):
            await asyncio.sleep(0)
        stacks = monitor.stacks()
        future.set_result(None)
        await task
        return stacks

    stacks = {one.operation: one for one in asyncio.run(main())}
    assert (stacks["parent"].task, stacks["child"].task) == ("big", "small")
    assert names(stacks["parent"]) == ["parent", "wait_long"]
    assert names(stacks["child"]) == ["wait_long"]


def test_a_request_that_an_integration_records(monitor: vs.Monitor) -> None:
    async def work(future: Awaitable[None]) -> None:
        async def handler(scope: Any, receive: Any, send: Any) -> None:
            await wait_long(future)

        scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
        await Middleware(handler, monitor=monitor)(scope, None, None)

    (stack,) = asyncio.run(stacks_of_waiting(monitor, work))
    assert stack.task == "sticky"
    assert names(stack) == ["handler", "wait_long"]


def test_a_task_that_runs_has_its_name_and_thread(monitor: vs.Monitor) -> None:
    @monitor.operation("asking")
    async def ask() -> list[RunningStack]:
        return monitor.stacks()

    async def main() -> list[RunningStack]:
        return await asyncio.create_task(ask(), name="asker")

    (stack,) = asyncio.run(main())
    assert (stack.thread, stack.task) == (threading.current_thread().name, "asker")
    assert names(stack) == ["ask"]


def test_an_asynchronous_generator_within_a_task(monitor: vs.Monitor) -> None:
    @monitor.operation("rows")
    async def rows(future: Awaitable[None]) -> AsyncIterator[int]:
        yield 1
        await wait_long(future)

    async def work(future: Awaitable[None]) -> None:
        async for _ in rows(future):
            pass

    (stack,) = asyncio.run(stacks_of_waiting(monitor, work))
    assert stack.task == "sticky"
    assert names(stack) == ["rows", "wait_long"]
    assert stack.place == line_of(wait_long, 1)


@pytest.mark.parametrize("resources", [False, True])
def test_a_suspended_generator(monitor: vs.Monitor, resources: bool) -> None:
    @monitor.operation("lines", resources=resources)
    def lines() -> Iterator[int]:
        yield 1
        yield 2

    reading = lines()
    next(reading)
    next(reading)
    (stack,) = monitor.stacks()
    assert (stack.thread, stack.task) == (None, None)
    assert stack.place == line_of(lines.__wrapped__, 3)  # type: ignore[attr-defined]
    del reading
    gc.collect()
    assert monitor.stacks() == []


def test_a_generator_stuck_in_a_thread(monitor: vs.Monitor) -> None:
    @monitor.operation("lines")
    def lines(trap: Trap) -> Iterator[int]:
        yield 1
        wait_for(trap)

    with stuck(lambda trap: list(lines(trap)), monitor) as (stack,):
        assert names(stack)[:2] == ["lines", "wait_for"]
        assert stack.frames[0].lineno == lines.__wrapped__.__code__.co_firstlineno + 3  # type: ignore[attr-defined]


def test_a_coroutine_that_no_event_loop_knows(monitor: vs.Monitor) -> None:
    @types.coroutine
    def pause() -> Iterator[None]:
        yield

    @monitor.operation("by hand")
    async def work() -> None:
        await pause()

    coroutine = work()
    coroutine.send(None)
    (stack,) = monitor.stacks()
    assert (stack.thread, stack.task) == (None, None)
    assert names(stack) == ["work", "pause"]
    coroutine.close()


def test_no_frame_is_kept_alive(monitor: vs.Monitor) -> None:
    gc.collect()
    gc.disable()
    try:
        with monitor.operation("work") as call:
            (stack,) = monitor.stacks()
        kept = [found for found in gc.get_objects() if type(found) is Frame]
    finally:
        gc.enable()
    assert kept == []
    assert stack.frames
    assert call is not None


def test_stacks_of_threads_that_run_on(monitor: vs.Monitor) -> None:
    ended, begun = threading.Event(), threading.Barrier(4)

    @monitor.operation("inner")
    def inner(number: int) -> int:
        return number + 1

    def busy() -> None:
        begun.wait(60)
        number = 0
        while not ended.is_set():
            number = inner(number)

    threads = [threading.Thread(target=monitor.operation("busy")(busy)) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        begun.wait(60)
        for _ in range(10):
            found = [one for one in monitor.stacks() if one.operation == "busy"]
            assert len(found) == 3
            assert all(names(one)[0] == "busy" for one in found)
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def test_no_other_thread_fails_for_it(monitor: vs.Monitor, request: pytest.FixtureRequest) -> None:
    request.addfinalizer(partial(sys.setswitchinterval, sys.getswitchinterval()))
    sys.setswitchinterval(1e-5)
    ended = threading.Event()
    failures: list[SystemError] = []

    def build_tuples() -> None:
        while not ended.is_set():
            try:
                tuple(number for number in range(200))
            except SystemError as error:
                failures.append(error)

    threads = [threading.Thread(target=build_tuples) for _ in range(2)]
    for thread in threads:
        thread.start()
    steps = monitor.operation("suspended")(lambda: (yield))()
    next(steps)
    try:
        for _ in range(20):
            assert [one.operation for one in monitor.stacks()] == ["suspended"]
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    # A tuple cannot grow while somebody else has it, as `gc.get_objects()` would.
    assert not failures


def test_calls_of_another_monitor_are_left_out(
    monitor: vs.Monitor,
) -> None:
    other = vs.Monitor(registry=CollectorRegistry(), system_metrics=False)
    with other.operation("theirs") as call, monitor.operation("ours") as ours:
        assert [one.operation for one in monitor.stacks()] == ["ours"]
    assert call is not ours
    other.close()
