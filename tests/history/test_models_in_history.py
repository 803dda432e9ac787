"""The history of models: every window is right, it takes little memory, and there is a limit."""

from __future__ import annotations

import random
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vitalspan as vs
from support.stored import service, sqlite_url
from vitalspan.history import model_index
from vitalspan.history.model_index import ModelIndex
from vitalspan.history.model_series import ModelSeries
from vitalspan.history.ticks import Ticks
from vitalspan.recording.api_usage import ApiUsage
from vitalspan.recording.counts import ModelCounts
from vitalspan.recording.model_amounts import DURATION, FIRST_TOKEN, GRID, ModelAmounts
from vitalspan.recording.model_counter import ModelCounter

SECONDS = st.none() | st.sampled_from([0.0, 0.1, 2.0, 3.0, 60.0, 5000.0])
CALLS = st.lists(
    st.builds(ApiUsage, duration=SECONDS, first_token=SECONDS, tokens=st.integers(0, 9)), max_size=3
)
GAPS = st.sampled_from([5.0, 5.0, 5.0, 60.0, 900.0])


def seconds_by_bucket(usages: list[ApiUsage], name: str) -> Counter[int]:
    measured = (getattr(usage, name) for usage in usages)
    return Counter(GRID.bucket(seconds) for seconds in measured if seconds is not None)


def buckets_of(amounts: ModelAmounts, name: str) -> dict[int, int]:
    histogram = amounts.durations.get(name)
    return {} if histogram is None else dict(histogram.items())


@settings(max_examples=150)
@given(
    st.lists(st.tuples(GAPS, CALLS), min_size=1, max_size=200),
    st.sampled_from([10.0, 60.0, 3600.0, 30000.0]),
    st.sampled_from([0.0, 10.0, 120.0]),
)
def test_every_window_is_what_a_full_record_says(
    history: list[tuple[float, list[ApiUsage]]], window: float, offset: float
) -> None:
    now, ticks, counter, track = 0.0, Ticks(0.0), ModelCounter(), ModelSeries({})
    record: list[tuple[float, ApiUsage]] = []
    for number, (gap, usages) in enumerate(history):
        now += gap
        ticks.add(now)
        for usage in usages:
            counter.add(usage)
            record.append((now, usage))
        track.note(now, counter.amounts())
        if number % 7 == 3:
            track.thin(ticks.times, ticks.oldest(window + offset))
        start, end = ticks.start(now, window + offset), ticks.start(now, offset)
        amounts = track.amounts(start, end)
        wanted = [usage for when, usage in record if start < when <= end]
        assert amounts.calls == len(wanted)
        assert amounts.sums.get("tokens", 0) == sum(usage.tokens for usage in wanted)
        for name in (DURATION, FIRST_TOKEN):
            assert buckets_of(amounts, name) == seconds_by_bucket(wanted, name)
            if name in amounts.durations:
                total = sum(getattr(usage, name) or 0.0 for usage in wanted)
                assert amounts.durations[name].total == pytest.approx(total)


def test_counts_that_are_lost_are_not_counted_twice() -> None:
    """As when the file of another process can no longer be read."""
    every, fewer = ModelCounter(), ModelCounter()
    for seconds in (1.0, 1.0, 8.0):
        every.add(ApiUsage(duration=seconds))
    fewer.add(ApiUsage(duration=1.0))
    track = ModelSeries({})
    track.note(5.0, every.amounts())
    track.note(10.0, fewer.amounts())
    fewer.add(ApiUsage(duration=8.0))
    track.note(15.0, fewer.amounts())
    assert buckets_of(track.amounts(5.0, 10.0), DURATION) == {}
    assert buckets_of(track.amounts(10.0, 15.0), DURATION) == {GRID.bucket(8.0): 1}


def test_an_hour_of_a_busy_model_takes_little_memory() -> None:
    rng = random.Random(1)

    def hour() -> ModelIndex:
        index, ticks, counter = ModelIndex(), Ticks(0.0), ModelCounter()
        index.retain(3600.0)
        for tick in range(1, 800):
            ticks.add(5.0 * tick)
            for _ in range(5):
                seconds = 0.2 * 300 ** rng.random()
                tokens = rng.randrange(1000)
                counter.add(
                    ApiUsage("m", "chat", tokens, tokens, 0, 0, 0.5, seconds, seconds / 9, 0, "", 9)
                )
            index.note(5.0 * tick, [ModelCounts("c", "a", "m", counter.amounts())], ticks)
        return index

    hour()
    tracemalloc.start()
    index = hour()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(index.all[0].times) > 200
    assert size < 60_000


@pytest.fixture
def three_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_index, "MAX_MODELS", 3)


def ask(monitor: vs.Monitor, model: str, times: int = 1) -> None:
    for _ in range(times):
        monitor.api("llm").record(model=model, duration=2.0)


def called(monitor: vs.Monitor, **period: float) -> dict[str, float]:
    """Return the number of calls of each model."""
    (api,) = monitor.statistics(**period).apis
    return {one.model: one.calls for one in api.models}


def tick(monitor: vs.Monitor, clock: vs.ManualClock) -> None:
    clock.advance(5)
    monitor.tick()


@pytest.mark.usefixtures("three_at_most")
def test_models_beyond_the_limit_only_have_totals(
    monitor: vs.Monitor, clock: vs.ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    monitor.tick()
    for model in "abc":
        ask(monitor, model, 2)
    tick(monitor, clock)
    assert not caplog.records
    for model in "abcde":
        ask(monitor, model)
    for _ in range(3):
        tick(monitor, clock)
    assert called(monitor) == {"a": 3, "b": 3, "c": 3, "d": 1, "e": 1}
    assert called(monitor, window=15.0) == {"a": 1, "b": 1, "c": 1}
    # The API itself has the calls of all models.
    assert monitor.statistics(window=15.0).apis[0].calls == 5
    (logged,) = caplog.records
    assert logged.getMessage() == (
        "there are more than 3 models of APIs, so the least called ones have figures since the "
        "start, but none of periods: use fewer different names of models"
    )


@pytest.mark.usefixtures("three_at_most")
def test_a_model_that_is_called_more_often_takes_the_place_of_the_least_called_one(
    monitor: vs.Monitor, clock: vs.ManualClock
) -> None:
    monitor.tick()
    for model, times in (("a", 9), ("b", 2), ("c", 9)):
        ask(monitor, model, times)
    tick(monitor, clock)
    ask(monitor, "d", 4)
    tick(monitor, clock)
    assert called(monitor, window=5.0) == {}
    ask(monitor, "d")
    tick(monitor, clock)
    # From now on, but what it was called before is in no period.
    assert called(monitor, window=3600.0) == {"a": 9, "c": 9}
    for model in "abd":
        ask(monitor, model)
    tick(monitor, clock)
    assert called(monitor, window=3600.0) == {"a": 10, "c": 9, "d": 1}
    assert monitor.statistics(window=3600.0).apis[0].models[-1].duration.count == 1
    assert called(monitor)["b"] == 3
    # They do not take turns.
    for _ in range(4):
        ask(monitor, "b")
        tick(monitor, clock)
        ask(monitor, "d")
        tick(monitor, clock)
    assert called(monitor, window=3600.0)["d"] == 5


@pytest.mark.usefixtures("three_at_most")
def test_the_most_called_models_are_restored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = sqlite_url(tmp_path)
    with monkeypatch.context() as without_limit:
        without_limit.setattr(model_index, "MAX_MODELS", 100)
        clock, monitor = service(url)
        monitor.tick()
        for times, model in enumerate("abcde", start=1):
            ask(monitor, model, times)
        tick(monitor, clock)
        monitor.close()
    clock, monitor = service(url, wall=clock.wall() + 60)
    monitor.tick()
    tracks = monitor.evaluation.history.models.all
    assert {track.labels["model"]: track.calls() for track in tracks} == {"c": 3, "d": 4, "e": 5}
    # A restored model is not called less than one that was called once since.
    ask(monitor, "a")
    tick(monitor, clock)
    assert {track.labels["model"] for track in tracks} == {"c", "d", "e"}
    monitor.close()


@pytest.mark.usefixtures("three_at_most")
def test_a_monitor_that_starts_over_has_room_again(
    monitor: vs.Monitor, clock: vs.ManualClock
) -> None:
    for model in "abcd":
        ask(monitor, model)
    tick(monitor, clock)
    monitor.reset()
    ask(monitor, "d")
    tick(monitor, clock)
    assert called(monitor, window=600.0) == {"d": 1}
