"""The sums of one model: they are those of its calls, whoever adds and reads them."""

from __future__ import annotations

import json
import threading
import tracemalloc
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitalspan.recording.api_usage import ApiUsage
from vitalspan.recording.model_amounts import (
    DURATION,
    FIRST_TOKEN,
    GRID,
    ModelAmounts,
    bucket_of,
    columns_of,
)
from vitalspan.recording.model_counter import ModelCounter

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


def buckets_of(amounts: ModelAmounts, name: str) -> dict[int, int]:
    histogram = amounts.durations.get(name)
    return {} if histogram is None else dict(histogram.items())


@given(st.lists(USAGES, max_size=40), st.integers(1, 9))
def test_the_sums_are_those_of_the_calls(usages: list[ApiUsage], every: int) -> None:
    counter = ModelCounter()
    for number, usage in enumerate(usages):
        counter.add(usage)
        if number % every == 0:
            counter.amounts()
    amounts = counter.amounts()
    failed = sum(bool(usage.error_type) for usage in usages)
    sums = amounts.sums
    assert (sums.get("oks", 0), sums.get("errors", 0)) == (len(usages) - failed, failed)
    assert amounts.calls == len(usages)
    assert "reasoning_tokens" not in sums
    for name in ("tokens", "cost", "input_tokens", "output_tokens", "cached_tokens", "retries"):
        wanted = sum(getattr(usage, name) for usage in usages)
        assert sums.get(name, 0) == pytest.approx(wanted)
    for name in (DURATION, FIRST_TOKEN):
        measured = [s for usage in usages if (s := getattr(usage, name)) is not None]
        assert buckets_of(amounts, name) == Counter(map(GRID.bucket, measured))
        if measured:
            assert amounts.durations[name].total == pytest.approx(sum(measured))


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
    assert amounts.sums["oks"] == amounts.durations[DURATION].count == 2000


def test_a_call_in_a_signal_handler_that_interrupts_the_summing_is_added_later() -> None:
    counter = ModelCounter()
    with counter._lock:
        for _ in range(100):
            counter.add(ApiUsage())
    assert counter.amounts().sums == {"oks": 100}


def test_widely_spread_durations_take_little_memory() -> None:
    def busy() -> ModelCounter:
        counter = ModelCounter()
        for number in range(1000):
            seconds = 0.05 * 1.009**number
            counter.add(ApiUsage(duration=seconds, first_token=seconds / 9, tokens=number))
        return counter

    assert all(len(buckets_of(busy().amounts(), name)) > 100 for name in (DURATION, FIRST_TOKEN))
    tracemalloc.start()
    counters = [busy() for _ in range(20)]
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size < len(counters) * 5_000


def test_later_amounts_do_not_change_what_was_read() -> None:
    counter = ModelCounter()
    counter.add(ApiUsage(duration=1.0, tokens=5))
    amounts = counter.amounts()
    counter.add(ApiUsage(duration=2.0, tokens=5))
    counter.amounts()
    assert (amounts.sums["tokens"], amounts.durations[DURATION].count) == (5, 1)


@given(st.lists(USAGES, max_size=20), st.lists(USAGES, max_size=20))
def test_amounts_are_added_and_written_and_read(some: list[ApiUsage], more: list[ApiUsage]) -> None:
    both, first, second = ModelCounter(), ModelCounter(), ModelCounter()
    for counter, usages in (first, some), (second, more), (both, [*some, *more]):
        for usage in usages:
            counter.add(usage)
    wanted = both.amounts()
    written = json.loads(json.dumps(second.amounts().to_document()))
    found = first.amounts().plus(ModelAmounts.of_document(*written))
    columns = dict(found.sums)
    for name, histogram in found.durations.items():
        columns |= columns_of(name, histogram.total, dict(histogram.items()))
    for amounts in found, ModelAmounts.of_columns(columns):
        assert amounts.sums == pytest.approx(wanted.sums)
        for name in (DURATION, FIRST_TOKEN):
            assert buckets_of(amounts, name) == buckets_of(wanted, name)
            if name in wanted.durations:
                assert amounts.durations[name].total == pytest.approx(wanted.durations[name].total)


@pytest.mark.parametrize("durations", [[0.0, -1, [2]], [0.0, 1, [-2]], [0.0, 1, [2.0**70]], [1]])
def test_amounts_that_are_impossible_are_not_read(durations: list[object]) -> None:
    with pytest.raises((ValueError, TypeError)):
        ModelAmounts.of_document({}, {DURATION: durations})


def test_a_column_of_a_bucket_is_told_from_others() -> None:
    (column,) = columns_of(FIRST_TOKEN, 1.0, {17: 1}).keys() - {"first_token_seconds"}
    assert bucket_of(column) == (FIRST_TOKEN, 17)
    for other in ("duration", "duration_seconds", "duration:", "duration:x", "duration:-1", "oks"):
        assert bucket_of(other) is None
