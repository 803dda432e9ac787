"""The stack of a call is followed wherever it goes: threads, coroutines, generators, blocks."""

from __future__ import annotations

import asyncio
import gc
import threading
import types
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from typing import Any

import pytest

import vitalspan as vs
from vitalspan.profiling.call_stack import CallStack
from vitalspan.recording.call_record import Record
from vitalspan.statistics.running_calls import running_calls


def record_of(monitor: vs.Monitor) -> Record:
    """The record of the only call that is inside."""
    ((record, _),) = running_calls(monitor._recorder)
    return record


def places(stack: CallStack) -> list[str]:
    found = stack.read()
    assert found is not None
    return [f"{code.co_name}+{line - code.co_firstlineno}" for code, line in found]


@types.coroutine
def pause() -> Iterator[None]:
    yield


class Thread:
    """A thread that goes on when it is told to."""

    def __init__(self, work: Callable[[Callable[[], None]], Any]) -> None:
        self._waiting, self._go = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=work, args=(self.stop,), name="worker")
        self._thread.start()
        assert self._waiting.acquire(timeout=60)

    def stop(self) -> None:
        self._waiting.release()
        self._go.acquire(timeout=60)

    def go(self) -> None:
        self._go.release()
        assert self._waiting.acquire(timeout=60)

    def end(self) -> None:
        self._go.release()
        self._thread.join()


def test_a_function_in_a_thread(monitor: vs.Monitor) -> None:
    def first(stop: Callable[[], None]) -> None:
        stop()

    @monitor.operation("f")
    def work(stop: Callable[[], None]) -> None:
        first(stop)
        stop()

    thread = Thread(work)
    stack = CallStack(record_of(monitor))
    assert places(stack)[:2] == ["work+2", "first+1"]
    assert (stack.thread, stack.task) == ("worker", None)
    searches = stack._searches
    thread.go()
    assert places(stack)[:2] == ["work+3", "stop+2"]
    thread.end()
    assert stack._searches == searches == 1
    assert stack.read() is None


@pytest.mark.parametrize("resources", [False, True])
def test_a_coroutine_that_waits_and_runs(monitor: vs.Monitor, resources: bool) -> None:
    async def step() -> None:
        await pause()

    found = []

    @monitor.operation("f", resources=resources)
    async def work() -> None:
        found.append(places(stacks[0]))
        await step()
        found.append(places(stacks[0]))
        await step()

    stacks: list[CallStack] = []
    coroutine: Any = work()

    class Late:
        def __getitem__(self, _: int) -> CallStack:
            if not known:
                known.append(CallStack(record_of(monitor)))
            return known[0]

    known: list[CallStack] = []
    stacks = Late()  # type: ignore[assignment]
    coroutine.send(None)
    (stack,) = known
    assert found[0][0] == "work+2"
    assert places(stack) == ["work+3", "step+1", "pause+2"]
    searches = stack._searches
    coroutine.send(None)
    assert found[1][0] == "work+4"
    assert places(stack) == ["work+5", "step+1", "pause+2"]
    assert stack._searches == searches == 2
    assert stack.thread == threading.current_thread().name
    with pytest.raises(StopIteration):
        coroutine.send(None)
    del coroutine
    gc.collect()
    assert stack.read() is None


def test_a_task_has_its_name(monitor: vs.Monitor) -> None:
    async def wait(future: asyncio.Future[None]) -> None:
        await future

    async def main() -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(monitor.operation("f")(wait)(future), name="order 7")
        await asyncio.sleep(0)
        stack = CallStack(record_of(monitor))
        assert places(stack) == ["wait+1"]
        assert places(stack) == ["wait+1"]
        assert (stack.task, stack._searches) == ("order 7", 1)
        future.set_result(None)
        await task

    asyncio.run(main())


@pytest.mark.parametrize("resources", [False, True])
def test_a_generator_that_rests_and_runs(monitor: vs.Monitor, resources: bool) -> None:
    found = []

    def look() -> None:
        found.append(places(stack))

    @monitor.operation("f", resources=resources)
    def rows() -> Generator[int, None, None]:
        yield 1
        look()
        yield 2

    reading = rows()
    next(reading)
    stack = CallStack(record_of(monitor))
    assert places(stack) == ["rows+2"]
    next(reading)
    assert found[0][:2] == ["rows+3", "look+1"]
    assert places(stack) == ["rows+4"]
    assert stack._searches == 1
    del reading
    gc.collect()
    assert stack.read() is None


def test_a_generator_that_another_thread_takes_up(monitor: vs.Monitor) -> None:
    @monitor.operation("f")
    def rows(stop: Callable[[], None]) -> Iterator[int]:
        yield 1
        stop()
        yield 2

    kept: list[Any] = []

    def work(stop: Callable[[], None]) -> None:
        stop()
        next(kept[0])
        stop()

    thread = Thread(work)
    kept.append(rows(thread.stop))
    next(kept[0])
    stack = CallStack(record_of(monitor))
    assert places(stack) == ["rows+2"]
    assert stack.thread is None
    thread.go()
    assert places(stack)[:2] == ["rows+3", "stop+2"]
    assert stack.thread == "worker"
    thread.go()
    assert places(stack) == ["rows+4"]
    thread.end()
    assert stack._searches == 1
    kept.clear()


def test_an_asynchronous_generator(monitor: vs.Monitor) -> None:
    @monitor.operation("f")
    async def rows() -> AsyncIterator[int]:
        await pause()
        yield 1
        await pause()

    async def work() -> None:
        async for _ in rows():
            await pause()

    coroutine: Any = work()
    coroutine.send(None)
    stack = CallStack(record_of(monitor))
    assert places(stack) == ["rows+2", "pause+2"]
    coroutine.send(None)
    assert places(stack) == ["rows+3"]
    coroutine.send(None)
    assert places(stack) == ["rows+4", "pause+2"]
    assert stack._searches == 1
    coroutine.close()


def test_a_block(monitor: vs.Monitor) -> None:
    def look() -> list[str]:
        return places(stack)

    with monitor.operation("f") as call:
        stack = CallStack(record_of(monitor))
        assert look()[0].startswith("test_a_block+")
        assert look()[1] == "look+1"
    assert call is not None


def test_a_call_that_is_nowhere_is_searched_for_a_few_times(monitor: vs.Monitor) -> None:
    with monitor.operation("nameless"):
        stack = CallStack(record_of(monitor))
        for _ in range(9):
            assert stack.read() is None
        assert stack._searches == 4


def test_nothing_is_kept_alive(monitor: vs.Monitor) -> None:
    async def wait() -> None:
        await pause()

    coroutine: Any = monitor.operation("f")(wait)()
    coroutine.send(None)
    stack = CallStack(record_of(monitor))
    assert places(stack) == ["wait+1", "pause+2"]
    gc.collect()
    gc.disable()
    try:
        del coroutine
        assert monitor.statistics.running() == []
        assert stack.read() is None
    finally:
        gc.enable()
