"""Figures over time: against a plain list of the calls, whatever the slots."""

from __future__ import annotations

import math
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

import vitalspan as vs
from vitalspan.errors import ConfigurationError
from vitalspan.statistics.timeline import MAX_SLOTS, slot_edges, slot_width


def call(
    monitor: vs.Monitor, clock: vs.ManualClock, seconds: float, *, fails: bool = False
) -> None:
    with suppress(ValueError), monitor.operation("work", component="depot"):
        clock.advance(seconds)
        if fails:
            raise ValueError("no")


CALLS = st.lists(
    st.lists(st.tuples(st.sampled_from([0.001, 0.25, 1.5]), st.booleans()), max_size=4),
    min_size=1,
    max_size=40,
)


@settings(max_examples=40)
@given(CALLS, st.sampled_from([None, 30.0, 120.0]))
def test_slots_have_the_calls_that_were_noted_in_them(
    ticks: list[list[tuple[float, bool]]], window: float | None
) -> None:
    clock = vs.ManualClock()
    monitor = vs.Monitor(registry=CollectorRegistry(), clock=clock, system_metrics=False)
    monitor.tick()
    noted: list[tuple[float, float, bool]] = []
    for calls in ticks:
        for seconds, fails in calls:
            call(monitor, clock, seconds, fails=fails)
        clock.advance(5)
        monitor.tick()
        noted += [(clock.wall(), *one) for one in calls]
    timeline = monitor.statistics.timeline("work", window=window)
    every = monitor.statistics.timeline(window=window)
    other = monitor.statistics.timeline("other", window=window)
    figures = monitor.statistics(window=window or 31 * 86400.0)
    monitor.close()
    assert [slot.count for slot in every.slots] == [slot.count for slot in timeline.slots]
    assert not any(slot.count for slot in other.slots)
    assert sum(slot.count for slot in timeline.slots) == figures.count
    for slot, following in zip(timeline.slots, timeline.slots[1:], strict=False):
        assert slot.end == following.start
    for slot in timeline.slots:
        inside = [one for one in noted if slot.start + 1e-6 < one[0] <= slot.end + 1e-6]
        durations = sorted(seconds for _, seconds, _ in inside)
        assert slot.count == len(inside)
        assert slot.errors == sum(fails for *_, fails in inside)
        assert slot.throughput == pytest.approx(len(inside) / (slot.end - slot.start))
        if not inside:
            assert slot.mean is slot.p95 is slot.max is slot.error_rate is None
            continue
        assert slot.error_rate == slot.errors / slot.count
        assert slot.mean == pytest.approx(sum(durations) / len(durations))
        assert slot.max == pytest.approx(durations[-1])
        rank = max(0, math.ceil(0.5 * len(durations)) - 1)
        assert slot.p50 == pytest.approx(durations[rank], rel=0.0445)


@given(
    st.lists(st.floats(0.1, 400.0), min_size=1, max_size=300),
    st.sampled_from([5.0, 60.0, 900.0]),
    st.floats(0, 1e9),
)
@example([1.0, 1.0, 5.0, 5.0], 5.0, 14.0)
def test_slots_begin_and_end_at_ticks_and_are_not_short(
    steps: list[float], width: float, epoch: float
) -> None:
    ticks = [0.0]
    for step in steps:
        ticks.append(ticks[-1] + step)
    edges = slot_edges(ticks, ticks[0], ticks[-1], width, epoch)
    assert edges[0] == ticks[0]
    assert edges[-1] == ticks[-1]
    assert set(edges) <= set(ticks)
    assert edges == sorted(set(edges))
    if len(edges) > 3:
        assert edges[-1] - edges[-2] >= width / 2
        assert edges[1] - edges[0] >= width / 2


@given(st.floats(0.1, 31 * 86400.0))
def test_a_period_has_a_bounded_number_of_slots(seconds: float) -> None:
    width = slot_width(seconds)
    assert seconds / width <= MAX_SLOTS + 1e-9


def test_a_period_without_ticks_has_no_slots(monitor: vs.Monitor, clock: vs.ManualClock) -> None:
    monitor.tick()
    assert monitor.statistics.timeline().slots == ()
    clock.advance(5)
    call(monitor, clock, 1.0)
    (slot,) = monitor.statistics.timeline(component="depot").slots
    assert (slot.count, slot.end - slot.start) == (1, 6.0)
    assert monitor.statistics.timeline(component="depot").to_dict()["p95"] == [pytest.approx(1.0)]
    with pytest.raises(ConfigurationError, match="window=-1"):
        monitor.statistics.timeline(window=-1)


def test_slots_end_where_the_clock_says_so(monitor: vs.Monitor, clock: vs.ManualClock) -> None:
    monitor.tick()
    for _ in range(200):
        clock.advance(5)
        monitor.tick()
    slots = monitor.statistics.timeline(window=900).slots
    # 900 seconds in at most 96 slots: 10 seconds each, from multiples of 10 on.
    assert {slot.end - slot.start for slot in slots[1:-1]} == {10.0}
    assert {slot.end % 10 for slot in slots} == {0.0}
