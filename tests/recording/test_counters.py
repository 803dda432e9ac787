"""Caches and APIs: exact sums, whatever amounts come."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families as parse_text

import vitalspan as vs
from vitalspan.recording import lock_free_counter as tally
from vitalspan.recording.counters import MAX_NAMES
from vitalspan.recording.lock_free_counter import LockFreeCounter

Read = Callable[..., float | None]


class Broken:
    def __bool__(self) -> bool:
        raise RuntimeError("no truth")

    def __float__(self) -> float:
        raise RuntimeError("no number")

    def __repr__(self) -> str:
        raise RuntimeError("no text")


class FloatLike(float):
    """As numpy's numbers, whose text is no number in the formats."""

    def __repr__(self) -> str:
        return f"FloatLike({float(self)})"

    __str__ = __repr__


HOSTILE: list[Any] = [
    float("nan"),
    float("inf"),
    float("-inf"),
    -1,
    -0.5,
    "5",
    b"5",
    "many",
    None,
    [],
    [1],
    {},
    Decimal("NaN"),
    Decimal(-1),
    10**400,
    10**5000,
    -(10**400),
    1j,
    Broken(),
    object(),
]


def test_a_cache(monitor: vs.Monitor, sample: Read) -> None:
    cache = monitor.cache("pages")
    for _ in range(70):
        cache.hit()
    cache.miss()
    assert sample("cache_requests_total", cache="pages", result="hit") == 70
    assert sample("cache_requests_total", cache="pages", result="miss") == 1
    assert monitor.cache("pages") is cache
    assert monitor.cache("pages", component="shop") is not cache


def test_an_api(monitor: vs.Monitor, sample: Read) -> None:
    api = monitor.api("model", component="shop")
    api.record(tokens=10, cost=0.25)
    api.record(tokens=5, cost=0.5, error=TimeoutError())
    api.record(error="refused")
    api.record()
    labels = {"component": "shop", "api": "model"}
    assert sample("api_calls_total", **labels, outcome="ok") == 2
    assert sample("api_calls_total", **labels, outcome="error") == 2
    assert sample("api_tokens_total", **labels) == 15
    assert sample("api_cost_dollars_total", **labels) == 0.75


@pytest.mark.parametrize(
    "amount", [one for one in HOSTILE if one is not None], ids=range(len(HOSTILE) - 1)
)
@pytest.mark.parametrize("what", ["tokens", "cost"])
def test_a_hostile_amount_is_left_out_and_never_raises(
    monitor: vs.Monitor,
    sample: Read,
    caplog: pytest.LogCaptureFixture,
    amount: Any,
    what: str,
) -> None:
    api = monitor.api("model")
    for _ in range(100):
        api.record(**{what: amount})
    api.record(tokens=1, cost=1)
    assert sample("api_calls_total", api="model", outcome="ok") == 101
    assert sample("api_tokens_total", api="model") == 1
    assert sample("api_cost_dollars_total", api="model") == 1
    assert sample("vitalspan_internal_errors_total", where="api") == 100
    assert len(caplog.records) == 1
    assert what in caplog.text
    assert "model" in caplog.text


@pytest.mark.parametrize("amount", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_measure_is_left_out_and_never_raises(
    monitor: vs.Monitor, sample: Read, amount: Any
) -> None:
    for _ in range(100):
        with monitor.operation("f") as call:
            call.add("items", amount)
            call.add("items", 1)
    assert sample("operation_items_total", operation="f") == 100
    assert sample("vitalspan_internal_errors_total", where="measure") == 100


@pytest.mark.parametrize(
    "amount", [2, True + True, 2.0, Decimal(2), Fraction(4, 2), FloatLike(2)], ids=repr
)
def test_any_kind_of_number_is_counted(
    monitor: vs.Monitor, registry: CollectorRegistry, amount: Any
) -> None:
    api = monitor.api("model")
    for kind in (1, 0.5, amount):
        for _ in range(70):
            api.record(tokens=kind, cost=kind)
            with monitor.operation("f") as call:
                call.add("items", kind)
    page = vs.generate_latest(registry).decode()
    values = {sample.name: sample.value for family in parse_text(page) for sample in family.samples}
    for name in ("api_tokens_total", "api_cost_dollars_total", "operation_items_total"):
        assert values[name] == 70 * 3.5
    assert "FloatLike" not in page
    assert "Decimal" not in page


@pytest.mark.parametrize("amount", [0, 0.0, -0.0, Decimal(0), False])
def test_nothing_is_a_possible_amount(monitor: vs.Monitor, sample: Read, amount: Any) -> None:
    monitor.api("model").record(tokens=amount, cost=amount)
    assert sample("api_tokens_total", api="model") == 0
    assert sample("vitalspan_internal_errors_total", where="api") == 0


def test_large_whole_numbers_and_fractions_together(monitor: vs.Monitor, sample: Read) -> None:
    api = monitor.api("model")
    for _ in range(200):
        api.record(tokens=10**307)
        api.record(tokens=0.5)
    assert sample("api_tokens_total", api="model") == float("inf")
    assert b"+Inf" in monitor.generate_latest()


def test_a_disabled_monitor_counts_nothing(monitor: vs.Monitor, sample: Read) -> None:
    cache, api = monitor.cache("c"), monitor.api("a")
    monitor.disable()
    cache.hit()
    cache.miss()
    api.record(tokens=3, cost=2, error="x")
    api.record(tokens="many")  # type: ignore[arg-type]
    assert sample("cache_requests_total", cache="c", result="hit") == 0
    assert sample("api_calls_total", api="a", outcome="error") == 0
    assert sample("vitalspan_internal_errors_total", where="api") == 0
    monitor.enable()
    cache.hit()
    assert sample("cache_requests_total", cache="c", result="hit") == 1


def test_names_are_capped(
    monitor: vs.Monitor, sample: Read, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(MAX_NAMES + 10):
        monitor.cache(f"c{number}").hit()
        monitor.api(f"a{number}").record()
    assert sample("cache_requests_total", cache="c0", result="hit") == 1
    overflow = {"component": "_overflow", "result": "hit"}
    assert sample("cache_requests_total", cache="_overflow", **overflow) == 10
    assert len(caplog.records) == 2
    monitor.cache("c0").hit()
    assert sample("cache_requests_total", cache="c0", result="hit") == 2
    assert len(monitor._counters.caches) == MAX_NAMES + 1


def test_hostile_names(monitor: vs.Monitor, registry: CollectorRegistry) -> None:
    for name in ('"\n\\', "\ud800", "x" * 10**6, "", 5, None, Broken()):
        monitor.cache(name).hit()  # type: ignore[arg-type]
        monitor.api(name).record(tokens=1)  # type: ignore[arg-type]
    page = vs.generate_latest(registry).decode()
    names = {
        sample.labels["cache"]
        for family in parse_text(page)
        for sample in family.samples
        if sample.name == "cache_requests_total"
    }
    assert names == {'"\n\\', "?", "x" * 256, "", "5", "None", "<unprintable Broken>"}


def test_names_made_by_many_threads_at_once(monitor: vs.Monitor, sample: Read) -> None:
    barrier = threading.Barrier(8)

    def work() -> None:
        barrier.wait()
        for number in range(MAX_NAMES + 50):
            monitor.cache(f"c{number}").hit()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(monitor._counters.caches) == MAX_NAMES + 1
    assert sum(cache.hits.total() for cache in monitor._counters.caches.values()) == 8 * (
        MAX_NAMES + 50
    )


@given(st.lists(st.floats(0, 1e12) | st.integers(0, 10**12)))
def test_a_tally_is_a_sum(amounts: list[float]) -> None:
    counted = LockFreeCounter()
    for amount in amounts:
        counted.add(amount)
    assert counted.total() == pytest.approx(sum(amounts))
    counted.reset()
    assert counted.total() == 0


def test_a_tally_added_to_while_it_sums() -> None:
    """As a signal handler does that interrupts a sum."""
    counted = LockFreeCounter()
    assert counted._lock.acquire(blocking=False)
    for _ in range(1000):
        counted.add()
    counted._lock.release()
    counted.add()
    assert counted.total() == 1001
    assert not counted._amounts


def test_a_tally_read_while_it_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "_PATIENCE", 0.001)
    counted = LockFreeCounter()
    for _ in range(tally._BATCH + 3):
        counted.add()
    with counted._lock:
        assert counted.total() == tally._BATCH
    assert counted.total() == tally._BATCH + 3


def test_a_fault_is_logged_with_a_handler_that_raises(monitor: vs.Monitor, sample: Read) -> None:
    class Raising(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise RuntimeError("no room")

    handler = Raising()
    logging.getLogger("vitalspan").addHandler(handler)
    try:
        monitor.api("model").record(tokens=-1)
    finally:
        logging.getLogger("vitalspan").removeHandler(handler)
    assert sample("vitalspan_internal_errors_total", where="api") == 1
