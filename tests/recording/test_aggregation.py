"""What is folded equals what was called, in whatever order things happen."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram

import vitalspan as vs
from vitalspan.metrics import DURATION_BOUNDARIES
from vitalspan.recording import aggregation as fold
from vitalspan.recording import fold_lock
from vitalspan.recording.call_record import IN_PROGRESS
from vitalspan.recording.series import LARGE_BATCH, SMALL_BATCH, Series

DURATIONS = st.sampled_from(
    [0.0, *DURATION_BOUNDARIES, 0.5, 61.0, 1e4, 5e-6, 0.1 + 2**-56]
) | st.floats(0, 100)

START = st.tuples(st.just("start"), st.integers(0, 2), st.sampled_from(["", "gold"]))
END = st.tuples(
    st.just("end"),
    st.integers(0, 9),
    st.sampled_from(["ok", "ok", "ok", "ok", "ValueError", "KeyError", "cancelled"]),
    st.integers(0, 3),
)
STEPS = st.lists(
    START
    | END
    | st.tuples(st.just("pass"), DURATIONS)
    | st.tuples(st.just("scrape"))
    | st.tuples(st.just("burst"), st.integers(0, 2), st.integers(1, 40), DURATIONS),
    max_size=60,
)

FAILURES = {"ValueError": ValueError, "KeyError": KeyError, "cancelled": GeneratorExit}


class Oracle:
    """The same, counted at once with prometheus_client's own histogram."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.durations = Histogram(
            "operation_duration_seconds",
            "d",
            ["component", "operation", "tier"],
            buckets=DURATION_BOUNDARIES,
            registry=self.registry,
        )
        self.errors: Counter[tuple[Any, ...]] = Counter()
        self.cancellations: Counter[tuple[Any, ...]] = Counter()
        self.items: Counter[tuple[Any, ...]] = Counter()
        self.inside: list[tuple[tuple[str, str], float, Any]] = []

    def samples(self) -> dict[tuple[Any, ...], float]:
        return {
            (
                sample.name,
                tuple(sorted((k, v) for k, v in sample.labels.items() if v)),
            ): sample.value
            for metric in self.registry.collect()
            for sample in metric.samples
            if not sample.name.endswith("_created")
        }


@settings(max_examples=150)
@given(STEPS)
def test_any_interleaving_equals_the_oracle(steps: list[Any]) -> None:
    clock, registry, oracle = vs.ManualClock(), CollectorRegistry(), Oracle()
    monitor = vs.Monitor(registry=registry, clock=clock, system_metrics=False)
    known: set[tuple[str, str]] = set()

    def ended(key: tuple[str, str], began: float, outcome: str, items: int) -> None:
        operation, tier = key
        oracle.durations.labels("default", operation, tier).observe(clock.now() - began)
        oracle.items[key] += items
        if outcome == "cancelled":
            oracle.cancellations[key] += 1
        elif outcome != "ok":
            oracle.errors[(*key, outcome)] += 1

    def enter(operation: str, tier: str) -> Any:
        labels = {"tier": tier} if tier else None
        block = monitor.operation(operation, labels=labels, resources=False)
        known.add((operation, tier))
        oracle.durations.labels("default", operation, tier)
        return block, block.__enter__()

    def check() -> None:
        found = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for metric in registry.collect()
            for sample in metric.samples
            if sample.name.startswith("operation_")
        }
        for (name, labels), value in oracle.samples().items():
            assert found[name, labels] == (
                pytest.approx(value, rel=1e-9) if name.endswith("_sum") else value
            )
        for operation, tier in known:
            labels = {"component": "default", "operation": operation}
            if tier:
                labels["tier"] = tier

            def read(name: str, labels: dict[str, str] = labels, **more: str) -> float | None:
                return registry.get_sample_value(name, {**labels, **more})

            starts = [began for key, began, _ in oracle.inside if key == (operation, tier)]
            assert read("operation_in_progress") == len(starts)
            age = clock.now() - min(starts, default=clock.now())
            assert read("operation_oldest_in_progress_seconds") == age
            key = (operation, tier)
            assert read("operation_cancellations_total") == oracle.cancellations[key]
            assert (read("operation_items_total") or 0) == oracle.items[key]
            for kind in ("ValueError", "KeyError"):
                counted = read("operation_errors_total", error_type=kind) or 0
                assert counted == oracle.errors[(*key, kind)]

    for step in steps:
        match step:
            case ("start", number, tier):
                key = (f"o{number}", tier)
                oracle.inside.append((key, clock.now(), enter(*key)))
            case ("end", number, outcome, items) if oracle.inside:
                key, began, (block, call) = oracle.inside.pop(number % len(oracle.inside))
                if items:
                    call.add("items", items)
                ended(key, began, outcome, items)
                error = None if outcome == "ok" else FAILURES[outcome]()
                block.__exit__(error and type(error), error, None)
            case ("pass", seconds):
                clock.advance(seconds)
            case ("scrape",):
                check()
            case ("burst", number, calls, seconds):
                for _ in range(calls):
                    began = clock.now()
                    block, _ = enter(f"o{number}", "")
                    clock.advance(seconds)
                    ended((f"o{number}", ""), began, "ok", 0)
                    block.__exit__(None, None, None)
    check()
    monitor.close()


def cell_of(monitor: vs.Monitor, operation: str = "f") -> Series:
    return monitor._recorder.series_table._series["default", operation, ()]


def recorded(monitor: vs.Monitor, name: str = "f") -> Callable[[], None]:
    return monitor.operation(name, resources=False)(lambda: None)


def test_a_buffer_never_holds_more_than_a_large_batch(monitor: vs.Monitor) -> None:
    function, cell = recorded(monitor), cell_of(monitor)
    largest = 0
    for _ in range(5 * LARGE_BATCH):
        function()
        largest = max(largest, len(cell.records))
    assert SMALL_BATCH <= largest <= LARGE_BATCH
    monitor.fold()
    assert cell.histogram.count == 5 * LARGE_BATCH
    assert not cell.records
    assert not cell.in_hand


def test_few_calls_are_buffered_small(monitor: vs.Monitor) -> None:
    function, cell = recorded(monitor), cell_of(monitor)
    for _ in range(SMALL_BATCH - 1):
        function()
    assert cell.histogram.count == 0
    function()
    assert cell.histogram.count == SMALL_BATCH
    assert cell.batch == LARGE_BATCH


def test_only_so_many_cells_have_a_large_buffer(monitor: vs.Monitor) -> None:
    functions = [recorded(monitor, f"f{number}") for number in range(fold._LARGE_BUFFERS + 5)]
    for function in functions:
        for _ in range(SMALL_BATCH):
            function()
    cells = [cell_of(monitor, f"f{number}") for number in range(len(functions))]
    sizes = Counter(cell.batch for cell in cells)
    assert sizes == {LARGE_BATCH: fold._LARGE_BUFFERS, SMALL_BATCH: 5}
    assert monitor._recorder.aggregator._large == 0


@pytest.mark.parametrize("left", [0, SMALL_BATCH - 1])
def test_an_idle_cell_gives_its_large_buffer_back(monitor: vs.Monitor, left: int) -> None:
    function, cell, aggregator = recorded(monitor), cell_of(monitor), monitor._recorder.aggregator
    for _ in range(SMALL_BATCH + left):
        function()
    assert cell.batch == LARGE_BATCH
    monitor.fold()
    assert (cell.batch, cell.limit) == (SMALL_BATCH, SMALL_BATCH)
    assert aggregator._large == fold._LARGE_BUFFERS
    monitor.fold()
    assert aggregator._large == fold._LARGE_BUFFERS


def test_a_busy_cell_keeps_its_large_buffer(monitor: vs.Monitor) -> None:
    function, cell = recorded(monitor), cell_of(monitor)
    for _ in range(3 * SMALL_BATCH):
        function()
    monitor.fold()
    assert cell.batch == LARGE_BATCH


def test_thousands_in_progress_are_not_looked_at_again_for_every_batch(
    monitor: vs.Monitor, clock: vs.ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = 0
    count = fold.Aggregator._count_batch

    def counting(self: fold.Aggregator, cell: Series, batch: list[Any]) -> None:
        nonlocal looked
        looked += len(batch)
        count(self, cell, batch)

    monkeypatch.setattr(fold.Aggregator, "_count_batch", counting)
    kept = [monitor.operation("f", resources=False) for _ in range(3000)]
    for block in kept:
        block.__enter__()
    function, cell = recorded(monitor), cell_of(monitor)
    calls = 30_000
    largest = 0
    for _ in range(calls):
        function()
        largest = max(largest, len(cell.records))
    assert looked <= 3 * calls
    assert largest <= 3 * 3000 + 2 * LARGE_BATCH
    assert cell.in_progress()[0] == 3000
    for block in kept:
        block.__exit__(None, None, None)
    monitor.fold()
    assert cell.histogram.count == calls + 3000
    assert cell.limit <= LARGE_BATCH


def test_a_caller_that_finds_the_fold_busy_goes_on(monitor: vs.Monitor) -> None:
    function, cell = recorded(monitor), cell_of(monitor)
    lock = monitor._recorder.aggregator._lock.current
    with lock:
        for _ in range(SMALL_BATCH):
            function()
        assert cell.limit == 2 * SMALL_BATCH
        assert len(cell.records) == SMALL_BATCH
        assert cell.histogram.count == 0
    for _ in range(SMALL_BATCH):
        function()
    assert cell.histogram.count == 2 * SMALL_BATCH
    assert not cell.records


def test_a_caller_waits_where_the_buffer_is_too_large(
    monitor: vs.Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fold, "_PRESSURE", 4 * SMALL_BATCH)
    monkeypatch.setattr(fold, "PATIENCE", 0.001)
    function, cell, aggregator = recorded(monitor), cell_of(monitor), monitor._recorder.aggregator
    waits: list[float] = []
    enter = aggregator._lock.enter

    def noting(seconds: float = 0.0) -> threading.Lock | None:
        if seconds:
            waits.append(seconds)
        return enter(seconds)

    monkeypatch.setattr(aggregator._lock, "enter", noting)
    with aggregator._lock.current:
        for _ in range(3 * SMALL_BATCH - 1):
            function()
        assert waits == []
        for _ in range(3 * SMALL_BATCH):
            function()
        assert 1 <= len(waits) <= 4
    monitor.fold()
    assert cell.histogram.count == 6 * SMALL_BATCH - 1


def test_pressure_is_relieved_by_the_one_who_waited(
    monitor: vs.Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fold, "_PRESSURE", SMALL_BATCH)
    monkeypatch.setattr(fold, "PATIENCE", 30.0)
    function, cell, aggregator = recorded(monitor), cell_of(monitor), monitor._recorder.aggregator
    held = aggregator._lock.current
    assert held.acquire(blocking=False)
    finished = threading.Event()

    def call() -> None:
        for _ in range(SMALL_BATCH):
            function()
        finished.set()

    thread = threading.Thread(target=call)
    thread.start()
    held.release()
    assert finished.wait(30)
    thread.join()
    assert cell.histogram.count == SMALL_BATCH


def test_a_reader_that_interrupts_a_fold_does_not_wait(monitor: vs.Monitor) -> None:
    function, aggregator = recorded(monitor), monitor._recorder.aggregator
    function()
    lock = aggregator._lock.enter()
    assert lock is not None
    monitor.fold()
    assert cell_of(monitor).histogram.count == 0
    aggregator._lock.holder = 0
    lock.release()
    monitor.fold()
    assert cell_of(monitor).histogram.count == 1


def test_a_fault_of_the_fold_is_counted_and_loses_no_call_in_progress(
    monitor: vs.Monitor,
    monkeypatch: pytest.MonkeyPatch,
    sample: Callable[..., float | None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    function, cell = recorded(monitor), cell_of(monitor)
    block = monitor.operation("f", resources=False)
    block.__enter__()

    def broken(*_: object) -> dict[int, int]:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(fold, "in_buckets", broken)
        for _ in range(LARGE_BATCH):
            function()
        monitor.fold()
    assert not cell.in_hand
    assert cell.in_progress()[0] == 1
    block.__exit__(None, None, None)
    assert sample("operation_duration_seconds_count", operation="f") == 1
    assert (sample("vitalspan_internal_errors_total", where="fold") or 0) >= 2
    assert len(caplog.records) == 1
    caplog.clear()


def test_what_a_signal_handler_interrupts_is_counted_later(
    monitor: vs.Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    function, cell, aggregator = recorded(monitor), cell_of(monitor), monitor._recorder.aggregator

    def interrupted(*_: object) -> dict[int, int]:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fold, "in_buckets", interrupted)
        for _ in range(SMALL_BATCH - 1):
            function()
        with pytest.raises(KeyboardInterrupt):
            function()
        with pytest.raises(KeyboardInterrupt):
            monitor.fold()
    assert not aggregator._lock.locked()
    monitor.fold()
    assert cell.histogram.count == SMALL_BATCH
    assert not cell.in_hand


def test_a_call_put_back_while_others_take(monitor: vs.Monitor) -> None:
    """Threads fold one cell that has calls in progress; nothing is lost or counted twice."""
    function, cell = recorded(monitor), cell_of(monitor)
    kept = [monitor.operation("f", resources=False) for _ in range(40)]
    for block in kept:
        block.__enter__()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [
            threading.Thread(target=lambda: [function() for _ in range(3000)]) for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            monitor.fold()
            assert cell.in_progress()[0] >= 40
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    monitor.fold()
    assert cell.histogram.count == 18_000
    assert len(cell.records) == 40
    assert {record[1] for record in cell.records} == {IN_PROGRESS}
    for block in kept:
        block.__exit__(None, None, None)
    monitor.fold()
    assert cell.histogram.count == 18_040


def test_folding_is_counted(monitor: vs.Monitor, sample: Callable[..., float | None]) -> None:
    recorded(monitor)()
    assert sample("vitalspan_fold_seconds_count") == 1
    assert sample("vitalspan_fold_seconds_sum") == 0.0


@pytest.mark.parametrize("by_this_thread", [False, True])
def test_a_lock_that_was_lost_is_replaced(
    monitor: vs.Monitor, monkeypatch: pytest.MonkeyPatch, by_this_thread: bool
) -> None:
    """An exception that a signal handler raised may have left it taken."""
    monkeypatch.setattr(fold_lock, "PATIENCE", 0.001)
    monkeypatch.setattr(fold, "_READERS_PATIENCE", 0.01)
    monkeypatch.setattr(fold_lock, "LOST", 0.05)
    function, cell, aggregator = recorded(monitor), cell_of(monitor), monitor._recorder.aggregator
    function()
    assert aggregator._lock.current.acquire(blocking=False)
    aggregator._lock.holder = threading.get_ident() if by_this_thread else 0
    for _ in range(100):
        monitor.fold()
    assert cell.histogram.count == 1
    assert not aggregator._lock.locked()
