"""The sums of one model: they are those of its calls, whoever adds and reads them."""

from __future__ import annotations

import threading
import tracemalloc
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitalspan.recording.api_usage import ApiUsage
from vitalspan.recording.model_counter import ModelCounter
from vitalspan.recording.model_durations import (
    DURATION,
    FIRST_TOKEN,
    GRID,
    bucket_of,
    columns_of,
    durations_in,
)

SECONDS = st.none() | st.floats(0, 1e6)
USAGES = st.builds(
    ApiUsage,
    input_tokens=st.integers(0, 10**9),
    output_tokens=st.floats(0, 1e9),
    cached_tokens=st.integers(0, 10**9),
    reasoning_tokens=st.just(0),
    cost=st.floats(0, 1e3),
    duration=SECONDS,
    first_token=SECONDS,
    retries=st.integers(0, 3),
    error_type=st.sampled_from(["", "ValueError"]),
    tokens=st.integers(0, 10**9),
)


@given(st.lists(USAGES, max_size=40), st.integers(1, 9))
def test_the_sums_are_those_of_the_calls(usages: list[ApiUsage], every: int) -> None:
    counter = ModelCounter()
    for number, usage in enumerate(usages):
        counter.add(usage)
        if number % every == 0:
            counter.amounts()
    amounts = counter.amounts()
    failed = sum(bool(usage.error_type) for usage in usages)
    assert (amounts.get("oks", 0), amounts.get("errors", 0)) == (len(usages) - failed, failed)
    assert "reasoning_tokens" not in amounts
    for name in ("tokens", "cost", "input_tokens", "output_tokens", "cached_tokens", "retries"):
        wanted = sum(getattr(usage, name) for usage in usages)
        assert amounts.get(name, 0) == pytest.approx(wanted)
    for name in (DURATION, FIRST_TOKEN):
        measured = [s for usage in usages if (s := getattr(usage, name)) is not None]
        total, buckets = durations_in(name, amounts)
        assert total == pytest.approx(sum(measured))
        assert buckets == Counter(map(GRID.bucket, measured))


def test_calls_of_many_threads_are_all_added() -> None:
    counter = ModelCounter()

    def work() -> None:
        for number in range(500):
            counter.add(ApiUsage(duration=0.01 * (number + 1)))
            if number % 50 == 0:
                counter.amounts()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    amounts = counter.amounts()
    assert amounts["oks"] == sum(durations_in(DURATION, amounts)[1].values()) == 2000


def test_a_call_in_a_signal_handler_that_interrupts_the_summing_is_added_later() -> None:
    counter = ModelCounter()
    with counter._lock:
        for _ in range(100):
            counter.add(ApiUsage())
    assert counter.amounts() == {"oks": 100}


def test_widely_spread_durations_take_little_memory() -> None:
    def busy() -> ModelCounter:
        counter = ModelCounter()
        for number in range(1000):
            seconds = 0.05 * 1.009**number
            counter.add(ApiUsage(duration=seconds, first_token=seconds / 9, tokens=number))
        return counter

    assert len(busy().amounts()) > 200
    tracemalloc.start()
    counters = [busy() for _ in range(20)]
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size < len(counters) * 5_000


def test_a_column_of_a_bucket_is_told_from_others() -> None:
    ((column, _),) = columns_of(FIRST_TOKEN, 1.0, [(17, 1)]).items() - {
        ("first_token_seconds", 1.0)
    }
    assert bucket_of(column) == (FIRST_TOKEN, 17)
    for other in ("duration", "duration_seconds", "duration:", "duration:x", "duration:-1", "oks"):
        assert bucket_of(other) is None
