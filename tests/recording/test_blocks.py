"""`operation` as a context manager."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import random
import sys
import threading
import weakref
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

import vitalspan as vs
from vitalspan.exposition.formats import Format
from vitalspan.recording import operation as operation_module


@pytest.fixture
def state(sample) -> Callable[..., tuple[float | None, ...]]:
    """Calls that ended, their seconds, how many were cancelled, how many are inside."""

    def read(operation: str, **labels: str) -> tuple[float | None, ...]:
        names = (
            "operation_duration_seconds_count",
            "operation_duration_seconds_sum",
            "operation_cancellations_total",
            "operation_in_progress",
        )
        return tuple(sample(name, operation=operation, **labels) for name in names)

    return read


@pytest.fixture
def faults(sample) -> Callable[[str], float | None]:
    return lambda where: sample("vitalspan_internal_errors_total", where=where)


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no text")


# What is recorded


@pytest.mark.parametrize("resources", [None, True, False])
def test_a_block_is_timed_from_entry_to_exit(monitor, clock, state, sample, resources):
    made = monitor.operation("parse", resources=resources)
    clock.advance(100)
    with made:
        clock.advance(2)
        assert sample("operation_in_progress", operation="parse") == 1
        assert sample("operation_oldest_in_progress_seconds", operation="parse") == 2
    assert state("parse") == (1, 2, 0, 0)


@pytest.mark.parametrize("resources", [None, True, False])
def test_an_async_block_is_timed_from_entry_to_exit(monitor, clock, state, run, resources):
    async def main() -> None:
        async with monitor.operation("fetch", resources=resources):
            clock.advance(1)
            await asyncio.sleep(0)
            clock.advance(2)

    run(main())
    assert state("fetch") == (1, 3, 0, 0)


@pytest.mark.parametrize("resources", [None, True, False])
@pytest.mark.parametrize("error", [ValueError("v"), SystemExit(1), LookupError()])
def test_errors_are_counted_and_raised_as_they_are(
    monitor, clock, state, sample, run, error, resources
):
    async def asynchronous() -> None:
        async with monitor.operation("b", resources=resources):
            clock.advance(1)
            raise error

    def plain() -> None:
        with monitor.operation("b", resources=resources):
            clock.advance(1)
            raise error

    with pytest.raises(type(error)) as caught:
        plain()
    assert caught.value is error
    stepped = asynchronous()
    with pytest.raises(type(error)) as caught:
        stepped.send(None)
    assert caught.value is error
    assert caught.value.__context__ is None
    assert state("b") == (2, 2, 0, 0)
    assert sample("operation_errors_total", operation="b", error_type=type(error).__name__) == 2
    error.__traceback__ = None


def test_cancelled_tasks_and_closed_generators(monitor, clock, state, run):
    async def body() -> None:
        async with monitor.operation("b"):
            await asyncio.sleep(3600)

    async def main() -> None:
        task = asyncio.ensure_future(body())
        await asyncio.sleep(0)
        clock.advance(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    def steps() -> Any:
        with monitor.operation("b"):
            yield

    run(main())
    walking = steps()
    next(walking)
    clock.advance(2)
    walking.close()
    assert state("b") == (2, 3, 2, 0)


def test_a_block_without_a_name_says_what_to_do(monitor, run):
    async def main() -> None:
        async with monitor.operation():
            pass

    with (
        pytest.raises(TypeError, match=r"needs a name: operation\('parse'\)"),
        monitor.operation(component="x"),
    ):
        pass
    with pytest.raises(TypeError, match=r"needs a name: operation\('parse'\)"):
        run(main())


def test_enabled_false_runs_the_block_alone(monitor, state, run):
    off = monitor.operation("b", enabled=False)

    async def main() -> None:
        async with off as call:
            call.add("items", 1)

    with off as call:
        call.add("items", 5)
        call.set_attribute("a", 1)
        assert call.trace_id is None
    with pytest.raises(ValueError, match="mine"), off:
        raise ValueError("mine")
    run(main())
    assert state("b") == (None,) * 4
    assert monitor.recent_calls() == []


@pytest.mark.parametrize("resources", [True, False])
def test_blocks_in_progress_across_the_switch(monitor, clock, state, resources):
    kept = monitor.operation("b", resources=resources)
    with kept:
        monitor.disable()
        with kept as inner:
            inner.add("items", 5)
            clock.advance(1)
            monitor.enable()
            with kept:
                clock.advance(2)
    assert state("b") == (2, 5, 0, 0)


def test_component_and_labels(monitor, clock, state):
    with monitor.operation("parse", component="indexer", labels={"content_type": "page"}):
        clock.advance(1)
    assert state("parse", component="indexer", content_type="page") == (1, 1, 0, 0)


class _Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no text")

    def __hash__(self) -> int:
        raise RuntimeError("no hash")


@pytest.mark.parametrize(
    "value",
    [
        *('"quoted"', "two\nlines", "back\\slash", "x" * 10_000_000, "\ud800lone", "\x00", "%d%s"),
        *("\u2028\x85\r\v", b"bytes", None, 1.5, ["unhashable"], _Unprintable(), object),
    ],
    ids=lambda value: type(value).__name__,
)
def test_label_values_may_be_anything(traced, clock, value):
    for _ in range(3):
        with traced.operation("b", labels={"hostile": value}):
            clock.advance(1)
    decorated = traced.operation("b", labels={"hostile": value})(lambda: clock.advance(1))
    decorated()
    (text,) = {call.labels["hostile"] for call in traced.recent_calls()}
    assert len(text) <= 256
    read = traced.registry.get_sample_value
    labels = {"component": "default", "operation": "b", "hostile": text}
    assert read("operation_duration_seconds_count", labels) == 4
    assert read("operation_duration_seconds_sum", labels) == 4
    for one_format in set(Format) - {Format.PROTOBUF}:
        written = traced.generate_latest(one_format).decode()
        (line,) = [one for one in written.split("\n") if "_seconds_count{" in one]
        assert line.endswith(" 4")


@pytest.mark.parametrize("component", ["", "x" * 1000, 5, ["unhashable"], _Unprintable()])
def test_components_may_be_anything(monitor, clock, component):
    for _ in range(2):
        with monitor.operation("b", component=component):
            clock.advance(1)
    assert len(monitor.recent_calls()) == 2
    assert len({call.component for call in monitor.recent_calls()}) == 1


def test_attributes_are_for_the_span_and_the_recent_calls_alone(traced, spans):
    with traced.operation("b", attributes={"page": 3, "of": 4}) as call:
        call.set_attribute("page", 5)
        call.set_attribute("user", "u")
    (span,) = spans.get_finished_spans()
    wanted = {"page": 5, "of": 4, "user": "u"}
    assert {key: span.attributes[key] for key in wanted} == wanted
    (recent,) = traced.recent_calls()
    assert (recent.attributes, recent.labels) == (wanted, {})
    written = traced.generate_latest().decode()
    assert "page" not in written
    assert "user" not in written


def test_attributes_without_spans(monitor):
    with monitor.operation("b", attributes={"page": 3}) as call:
        call.set_attribute("page", 4)
    (recent,) = monitor.recent_calls()
    assert recent.attributes == {"page": 4}
    assert call.trace_id is None


def test_an_impossible_attribute_does_not_fail_the_call(traced, faults, state):
    with traced.operation("b") as call:
        call.set_attribute(["unhashable"], 1)
        call.set_attribute("lost", Unprintable())
        call.set_attribute("fine", 2)
    assert state("b")[0] == 1
    assert faults("attribute") == 2
    assert traced.recent_calls()[-1].attributes == {"fine": 2}


# Measures


def test_measures_are_summed(monitor, sample):
    for _ in range(3):
        with monitor.operation("b", labels={"kind": "x"}) as call:
            call.add("items", 25)
            call.add("items", 5)
            call.add("bytes", 0.5)
            call.add("pages")
            call.add("nothing", 0)
    labels = {"operation": "b", "kind": "x"}
    assert sample("operation_items_total", **labels) == 90
    assert sample("operation_bytes_total", **labels) == 1.5
    assert sample("operation_pages_total", **labels) == 3
    expected = {"items": 30, "bytes": 0.5, "pages": 1, "nothing": 0}
    assert monitor.recent_calls()[-1].measures == expected


def test_measures_of_failed_blocks_count(monitor, sample):
    def failing() -> None:
        with monitor.operation("b") as call:
            call.add("items", 2)
            raise LookupError

    with pytest.raises(LookupError):
        failing()
    assert sample("operation_items_total", operation="b") == 2


@pytest.mark.parametrize("amount", [Decimal("2.5"), Fraction(5, 2), True, 2**60])
def test_measures_take_every_kind_of_number(monitor, sample, amount, faults):
    for counted in (amount, 1.5):
        with monitor.operation("b") as call:
            call.add("items", counted)
    assert sample("operation_items_total", operation="b") == float(amount) + 1.5
    assert f"{float(amount) + 1.5!r}" in monitor.generate_latest().decode()
    assert faults("measure") == 0


class _HostileNumber:
    def __float__(self) -> float:
        raise RuntimeError

    def __repr__(self) -> str:
        raise RuntimeError

    __str__ = __index__ = __lt__ = __repr__


@pytest.mark.parametrize(
    ("measure", "amount"),
    [
        *[("items", amount) for amount in (-1, float("nan"), float("inf"), "5", None, 1j)],
        *[("items", amount) for amount in (10**400, b"5", [1], _HostileNumber())],
        *[(name, 1) for name in ("", "a-b", "0x", "é", "__x", "a b", "x" + "\n", None, 5)],
        *[(name, 1) for name in ("errors", "cancellations", "cpu_seconds", ["a"])],
        *[("memory_growth_bytes", 1), (_HostileNumber(), 1)],
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_impossible_measure_is_left_out_and_counted(
    monitor, clock, state, faults, measure, amount
):
    for _ in range(2):
        with monitor.operation("b") as call:
            clock.advance(1)
            call.add(measure, amount)
    assert faults("measure") == 2
    assert state("b") == (2, 2, 0, 0)
    assert monitor.recent_calls()[-1].measures == {}


def test_measures_have_a_limit(monitor, faults):
    with monitor.operation("b") as call:
        for number in range(40):
            call.add(f"m{number}")
            call.add(f"m{number}")
    assert len(monitor.recent_calls()[-1].measures) == 32
    assert faults("measure") == 16


def test_what_comes_after_the_end_changes_no_count(monitor, state, sample):
    with monitor.operation("b") as call:
        call.add("items", 1)
    call.add("items", 10)
    call.set_attribute("late", 1)
    assert sample("operation_items_total", operation="b") in (1, 11)
    with monitor.operation("b") as bare:
        pass
    bare.add("items", 100)
    assert state("b") == (2, 0, 0, 0)


# One kept object, entered again and again


def test_a_kept_operation_nests(monitor, clock, state, sample):
    kept = monitor.operation("b")
    with kept as outer:
        clock.advance(1)
        with kept as middle:
            clock.advance(2)
            with kept as inner:
                clock.advance(4)
                assert sample("operation_in_progress", operation="b") == 3
            inner.add("late")
        assert len({id(outer), id(middle), id(inner)}) == 3
    assert state("b") == (3, 4 + 6 + 7, 0, 0)
    assert sorted(call.duration for call in monitor.recent_calls()) == [4, 6, 7]


def test_a_kept_operation_nests_in_another(traced, clock, spans):
    one, two = traced.operation("one"), traced.operation("two")
    with one, two, one, two, one:
        clock.advance(1)
    names = [span.name for span in spans.get_finished_spans()]
    assert names == ["one", "two", "one", "two", "one"]
    parents = {span.context.span_id: span for span in spans.get_finished_spans()}
    chain, span = [], spans.get_finished_spans()[0]
    while span is not None:
        chain.append(span.name)
        span = parents.get(span.parent.span_id) if span.parent else None
    assert chain == ["one", "two", "one", "two", "one"]


def test_a_kept_operation_in_many_tasks(traced, clock, run, spans):
    kept = traced.operation("b")
    order = random.Random(7)

    async def one(number: int) -> None:
        async with kept as call:
            call.set_attribute("number", number)
            began = clock.now()
            for _ in range(order.randrange(5)):
                await asyncio.sleep(0)
                clock.advance(0.125)
            if number % 3 == 0:
                async with kept as inner:
                    inner.set_attribute("number", 1000 + number)
                    await asyncio.sleep(0)
                    clock.advance(0.125)
            call.set_attribute("seconds", clock.now() - began)

    async def main() -> None:
        await asyncio.gather(*map(one, range(60)))

    run(main())
    recent = {call.attributes["number"]: call for call in traced.recent_calls()}
    assert len(recent) == 80
    by_id = {f"{span.context.span_id:016x}": span for span in spans.get_finished_spans()}
    for number in range(60):
        call = recent[number]
        assert call.duration == call.attributes["seconds"]
        if number % 3 == 0:
            inner = by_id[recent[1000 + number].span_id]
            assert f"{inner.parent.span_id:016x}" == call.span_id


def test_a_kept_operation_in_many_threads(monitor, state, sample):
    kept = monitor.operation("b", resources=False)
    failures: list[BaseException] = []
    barrier = threading.Barrier(8)

    def work() -> None:
        try:
            barrier.wait(60)
            for number in range(300):
                with kept as call:
                    call.add("items")
                    with kept as inner:
                        assert inner is not call
                    if number % 50 == 0:
                        with pytest.raises(KeyError), kept:
                            raise KeyError
        except BaseException as failure:
            failures.append(failure)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    finally:
        sys.setswitchinterval(before)
    assert failures == []
    assert kept._open_calls() == []
    assert state("b") == (8 * (600 + 6), 0, 0, 0)
    assert sample("operation_errors_total", operation="b", error_type="KeyError") == 48
    assert sample("operation_items_total", operation="b") == 2400


def _links() -> int:
    link, length = operation_module._entered.get(), 0
    while link is not None:
        link, length = link[-1], length + 1
    return length


def test_a_kept_operation_keeps_nothing_of_calls_that_ended(monitor):
    kept, other = monitor.operation("b"), monitor.operation("c")
    entered, left = threading.Semaphore(0), threading.Semaphore(0)

    def overlap() -> None:
        for _ in range(50):
            with kept:
                entered.release()
                assert left.acquire(timeout=60)
            entered.release()
            assert left.acquire(timeout=60)

    def check() -> None:
        # This thread enters while the other is inside, and leaves when no other is.
        thread = threading.Thread(target=overlap)
        thread.start()
        for _ in range(50):
            assert entered.acquire(timeout=60)
            with kept, other:
                left.release()
                assert entered.acquire(timeout=60)
            left.release()
        thread.join(60)
        assert _links() <= 1

    contextvars.copy_context().run(check)
    assert kept._open_calls() == []


def test_out_of_order_exits_of_two_kept_operations_leave_no_chain(monitor, state):
    one, two = monitor.operation("one"), monitor.operation("two")

    def check() -> None:
        with one, two:
            for _ in range(50):
                one.__enter__()
                two.__enter__()
                one.__exit__(None, None, None)
                two.__exit__(None, None, None)
            assert _links() <= 2

    contextvars.copy_context().run(check)
    assert state("one")[0] == state("two")[0] == 51
    assert state("one")[3] == state("two")[3] == 0


def test_exit_in_another_context_than_entry(monitor, clock, state):
    kept = monitor.operation("b")
    contextvars.copy_context().run(kept.__enter__)
    contextvars.copy_context().run(kept.__enter__)
    with kept:
        clock.advance(1)
    for _ in range(2):
        contextvars.copy_context().run(kept.__exit__, None, None, None)
    assert state("b") == (3, 3, 0, 0)
    assert kept._open_calls() == []


def test_exit_in_another_thread_than_entry(monitor, clock, state):
    kept = monitor.operation("b", resources=True)
    kept.__enter__()
    clock.advance(1)
    thread = threading.Thread(target=kept.__exit__, args=(None, None, None))
    thread.start()
    thread.join(60)
    assert state("b") == (1, 1, 0, 0)


def test_a_child_task_that_outlives_its_parents_block(monitor, clock, state, run):
    kept = monitor.operation("b")

    async def child(release: asyncio.Event) -> None:
        with kept as call:
            call.set_attribute("who", "child")
            await release.wait()
        with kept as call:
            call.set_attribute("who", "second")

    async def main() -> None:
        release = asyncio.Event()
        with kept as first, kept as call:
            first.set_attribute("who", "first")
            call.set_attribute("who", "parent")
            task = asyncio.ensure_future(child(release))
            await asyncio.sleep(0)
            clock.advance(1)
        clock.advance(2)
        with kept as call:
            call.set_attribute("who", "third")
            release.set()
            await task
            clock.advance(4)

    run(main())
    durations = {call.attributes["who"]: call.duration for call in monitor.recent_calls()}
    assert durations == {"first": 1, "parent": 1, "child": 3, "second": 0, "third": 4}


@settings(max_examples=150)
@given(
    schedule=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 1), st.booleans(), st.booleans()), max_size=40
    )
)
def test_any_schedule_of_contexts_ends_the_right_calls(schedule):
    """Contexts enter two kept operations, and each leaves its own in the reverse order."""
    clock = vs.ManualClock()
    monitor = vs.Monitor(
        registry=CollectorRegistry(), clock=clock, recent_calls=1000, system_metrics=False
    )
    kept = [monitor.operation("one"), monitor.operation("two", resources=False)]
    contexts = [contextvars.copy_context() for _ in range(4)]
    stacks: list[list[tuple[int, Any, float]]] = [[] for _ in contexts]
    expected = []

    def leave(where: int) -> None:
        which, call, began = stacks[where].pop()
        contexts[where].run(kept[which].__exit__, None, None, None)
        expected.append((began, clock.now() - began))
        assert call._record[1] == clock.now() - began

    for where, which, entering, switching in schedule:
        clock.advance(0.25)
        if switching and not any(stacks):
            # Off for a while: what is entered now is not recorded, and mixes with nothing.
            monitor.disable()
            with kept[which]:
                clock.advance(0.25)
            monitor.enable()
        if entering or not stacks[where]:
            call = contexts[where].run(kept[which].__enter__)
            stacks[where].append((which, call, clock.now()))
        else:
            leave(where)
    for where, stack in enumerate(stacks):
        while stack:
            clock.advance(0.25)
            leave(where)
    recent = [(call.start, call.duration) for call in monitor.recent_calls()]
    epoch = clock.wall() - clock.now()
    assert sorted(recent) == sorted((began + epoch, seconds) for began, seconds in expected)
    assert all(operation._open_calls() == [] for operation in kept)
    monitor.close()


def test_blocks_hold_nothing_alive(monitor):
    class Held:
        pass

    held = Held()
    alive = weakref.ref(held)
    with monitor.operation("b", attributes={"held": held}):
        pass
    monitor.reset()
    del held
    gc.collect()
    assert alive() is None


def test_the_decorated_and_the_entered_share_their_series(monitor, clock, state):
    kept = monitor.operation("b", resources=False)
    decorated = kept(lambda: clock.advance(1))
    with kept:
        decorated()
        clock.advance(2)
    assert state("b") == (2, 4, 0, 0)
