"""The next calls of an operation are kept as they end, and nothing is kept for nobody."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

import vitalspan as vs
from vitalspan.recording.call_watch import MOST_WATCHES

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("call"), st.sampled_from(["mine", "other"]), st.integers(1, 40)),
        st.tuples(st.just("pass"), st.sampled_from([0.5, 3.0, 9.0])),
        st.tuples(st.just("fold")),
        st.tuples(st.just("read")),
    ),
    max_size=40,
)


@settings(deadline=None, max_examples=100)
@given(before=STEPS, after=STEPS, wanted=st.sampled_from([1, 3, 20]))
def test_the_next_calls_equal_an_oracle(
    before: list[tuple[str, ...]], after: list[tuple[str, ...]], wanted: int
) -> None:
    clock = vs.ManualClock()
    # There are fewer recent calls than are watched.
    monitor = vs.Monitor(
        registry=CollectorRegistry(), clock=clock, system_metrics=False, recent_calls=2
    )
    ended: list[int] = []
    serial = 0

    def take(steps: list[tuple[str, ...]], until: float) -> None:
        nonlocal serial
        for name, *rest in steps:
            if name == "call":
                for _ in range(int(rest[1])):
                    serial += 1
                    with monitor.operation(rest[0]) as call:
                        call.set_attribute("serial", serial)
                        clock.advance(0.001)
                    if rest[0] == "mine" and clock.now() < until:
                        ended.append(serial)
            elif name == "pass":
                clock.advance(float(rest[0]))
            elif name == "fold":
                monitor.fold()
            else:
                monitor.recent_calls()

    take(before, 0.0)
    ended.clear()
    seen = monitor.statistics.watch("mine", calls=wanted, seconds=20)
    take(after, clock.now() + 20)
    assert [call.attributes["serial"] for call in seen()] == ended[:wanted]
    monitor.close()


@pytest.mark.parametrize("component", [None, "shop"])
def test_a_watch_ends_by_itself_and_leaves_nothing(
    monitor: vs.Monitor, clock: vs.ManualClock, component: str | None
) -> None:
    recent = monitor._recorder.aggregator.recent
    full = monitor.statistics.watch("f", component=component, calls=2, seconds=60)
    late = monitor.statistics.watch("g", seconds=60)
    assert len(recent._watches) == 2
    for _ in range(3):
        with monitor.operation("f", component="shop"):
            clock.advance(1)
    with monitor.operation("f", component="else"):
        clock.advance(1)
    assert [call.component for call in full()] == ["shop", "shop"]
    assert len(recent._watches) == 1
    clock.advance(60)
    with monitor.operation("f"):
        pass
    assert late() == []
    assert recent._watches == []


def test_there_are_few_at_a_time(monitor: vs.Monitor) -> None:
    every = [monitor.statistics.watch("f") for _ in range(MOST_WATCHES + 3)]
    with monitor.operation("f"):
        pass
    assert [len(seen()) for seen in every] == [0] * 3 + [1] * MOST_WATCHES


def test_a_call_whose_labels_come_late_is_seen(monitor: vs.Monitor) -> None:
    seen = monitor.statistics.watch("f")
    with monitor.operation("f") as call:
        call.set_label("tier", "gold")
    assert [one.labels for one in seen()] == [{"tier": "gold"}]
