"""Counts are exact however many threads record, scrape, and make and close monitors."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families as parse_text

import vitalspan as vs

THREADS = 8


@pytest.fixture(params=[None, 1e-6], ids=["default interval", "small interval"])
def interval(request: pytest.FixtureRequest) -> Iterator[None]:
    before = sys.getswitchinterval()
    if request.param is not None:
        sys.setswitchinterval(request.param)
    yield
    sys.setswitchinterval(before)


def in_threads(work: Callable[[int], object], meanwhile: Callable[[], object]) -> None:
    faults: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            work(number)
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        meanwhile()
    for thread in threads:
        thread.join()
    assert faults == []


class Evaluation:
    """Scrapes, and checks that each scrape is consistent and none goes back."""

    def __init__(self, registry: CollectorRegistry, most: int = THREADS) -> None:
        self.most = most
        self.registry = registry
        self.last: dict[Any, float] = {}
        self.scrapes = 0

    def __call__(self) -> None:
        self.scrapes += 1
        now: dict[Any, float] = {}
        for family in parse_text(vs.generate_latest(self.registry).decode()):
            for sample in family.samples:
                now[sample.name, tuple(sorted(sample.labels.items()))] = sample.value
        for (name, labels), value in now.items():
            if name.endswith(("_total", "_bucket", "_count")):
                assert value >= self.last.get((name, labels), 0), (name, labels)
        for (name, labels), value in now.items():
            if name == "operation_duration_seconds_count":
                bucket = tuple(sorted([*labels, ("le", "+Inf")]))
                assert now["operation_duration_seconds_bucket", bucket] == value
                errors = sum(
                    other
                    for (family, its), other in now.items()
                    if family in ("operation_errors_total", "operation_cancellations_total")
                    and set(labels) <= set(its)
                )
                assert errors <= value
                inside = now["operation_in_progress", labels]
                assert 0 <= inside <= self.most
        self.last = now


@pytest.mark.usefixtures("interval")
def test_counts_are_exact(registry: CollectorRegistry) -> None:
    monitor = vs.Monitor(registry=registry, system_metrics=False)
    cache, api = monitor.cache("c"), monitor.api("a")

    @monitor.operation
    def plain(number: int) -> int:
        return number

    @monitor.operation("fails", resources=False)
    def fails() -> None:
        raise ValueError("no")

    calls = 2000

    def work(number: int) -> None:
        for turn in range(calls):
            assert plain(turn) == turn
            if turn % 4 == 0:
                with pytest.raises(ValueError, match="no"):
                    fails()
            with monitor.operation("block", labels={"thread": number}) as call:
                call.add("items", 2)
            cache.hit()
            api.record(tokens=3)

    watch = Evaluation(registry)
    in_threads(work, watch)
    watch()

    def read(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, {"component": "default", **labels})

    name = plain.__qualname__
    assert read("operation_duration_seconds_count", operation=name) == THREADS * calls
    assert read("operation_duration_seconds_count", operation="fails") == THREADS * calls / 4
    errors = {"operation": "fails", "error_type": "ValueError"}
    assert read("operation_errors_total", **errors) == THREADS * calls / 4
    for number in range(THREADS):
        labels = {"operation": "block", "thread": str(number)}
        assert read("operation_duration_seconds_count", **labels) == calls
        assert read("operation_items_total", **labels) == 2 * calls
    assert read("cache_requests_total", cache="c", result="hit") == THREADS * calls
    assert read("api_tokens_total", api="a") == 3 * THREADS * calls
    assert read("operation_in_progress", operation=name) == 0
    assert registry.get_sample_value("vitalspan_internal_errors_total", {"where": "fold"}) == 0
    assert watch.scrapes >= 1
    monitor.close()


def test_one_kept_operation_in_many_threads(registry: CollectorRegistry) -> None:
    monitor = vs.Monitor(registry=registry, system_metrics=False)
    kept = monitor.operation("kept", resources=False)

    def work(number: int) -> None:
        for _ in range(500):
            with kept as outer:
                outer.add("outer")
                with kept as inner:
                    inner.add("inner")

    # Two calls of each thread are inside at a time.
    in_threads(work, Evaluation(registry, 2 * THREADS))
    labels = {"component": "default", "operation": "kept"}
    read = registry.get_sample_value
    assert read("operation_duration_seconds_count", labels) == THREADS * 1000
    assert read("operation_outer_total", labels) == THREADS * 500
    assert read("operation_inner_total", labels) == THREADS * 500
    assert read("operation_in_progress", labels) == 0
    monitor.close()


@pytest.mark.usefixtures("interval")
def test_switching_and_configuring_while_threads_record(registry: CollectorRegistry) -> None:
    monitor = vs.Monitor(registry=registry, system_metrics=False)
    turns = iter(range(10**9))

    def work(number: int) -> None:
        for turn in range(200):
            with monitor.operation(f"o{number}-{turn}"):
                pass

    def meanwhile() -> None:
        turn = next(turns)
        monitor.disable() if turn % 2 else monitor.enable()
        monitor.configure(recent_calls=turn % 50, slow_calls=turn % 7)

    in_threads(work, meanwhile)
    monitor.enable()
    with monitor.operation("after"):
        pass
    assert b'operation="after"' in vs.generate_latest(registry)
    monitor.close()


def test_monitors_come_and_go_while_others_are_scraped() -> None:
    registry = CollectorRegistry()

    def work(number: int) -> None:
        for _ in range(20):
            monitor = vs.Monitor(
                registry=registry, system_metrics=False, metric_prefix=f"m{number}_"
            )
            with monitor.operation("f"):
                pass
            name = f'm{number}_operation_duration_seconds_count{{component="default"'
            assert name in vs.generate_latest(registry).decode()
            monitor.close()

    in_threads(work, lambda: vs.generate_latest(registry))
    assert vs.generate_latest(registry) == b""
