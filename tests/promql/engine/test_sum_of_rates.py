"""The short way of a sum of rates gives what the long way gives."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vitalspan.promql.engine.metric_labels import NAME, metric_labels
from vitalspan.promql.engine.query import compile_query
from vitalspan.promql.engine.series import Demand, Series

STEP = 5000
BOUNDS = ("0.1", "0.5", "1", "+Inf")

PAIRS = [
    # What is added to a rate takes the long way.
    ("sum by (le) (rate(a_bucket[1m]))", "sum by (le) (rate(a_bucket[1m]) + 0)"),
    ("sum(rate(a_bucket[1m]))", "sum(rate(a_bucket[1m]) + 0)"),
    ("sum without (op) (increase(a_bucket[1m]))", "sum without (op) (increase(a_bucket[1m]) + 0)"),
    (
        "histogram_quantile(0.9, sum by (le, op) (rate(a_bucket[1m])))",
        "histogram_quantile(0.9, sum by (le, op) (rate(a_bucket[1m]) + 0))",
    ),
    (
        "histogram_quantile(0.5, sum by (le) (rate(a_bucket[1m])))",
        "histogram_quantile(0.5, sum by (le) (rate(a_bucket[1m]) + 0))",
    ),
    (
        "histogram_quantile(0.5, sum by (op) (rate(a_bucket[1m])))",
        "histogram_quantile(0.5, sum by (op) (rate(a_bucket[1m]) + 0))",
    ),
]


class Kept:
    """Buckets of operations, as a store keeps them: the times are shared, resets are known."""

    def __init__(self) -> None:
        self.times = array("q")
        self.series: list[Series] = []
        self.counts: dict[Series, float] = {}

    def add(self, operation: str) -> None:
        for bound in BOUNDS:
            labels = metric_labels({NAME: "a_bucket", "op": operation, "le": bound})
            values = array("d", [0.0] * len(self.times))
            series = Series(labels, self.times, values, has_stale=False, resets=[])
            self.series.append(series)
            self.counts[series] = 0.0

    def remove(self, operation: str) -> None:
        self.series[:] = [one for one in self.series if one.labels.get("op") != operation]

    def tick(self, grown: int) -> None:
        self.times.append((self.times[-1] if self.times else 0) + STEP)
        for place, series in enumerate(self.series):
            self.counts[series] += grown * (1 + place % len(BOUNDS))
            series.values.append(self.counts[series])

    def begin_anew(self) -> None:
        for series in self.series:
            assert series.resets is not None
            if self.counts[series]:
                series.resets.append((self.times[-1] + STEP, self.counts[series]))
            self.counts[series] = 0.0

    def select(self, demand: Demand) -> list[Series]:
        return self.series


@pytest.mark.parametrize(("short", "long"), PAIRS)
@settings(max_examples=25)
@given(
    st.lists(
        st.integers(0, 9) | st.sampled_from(["a", "b", "-a", "-b", "anew"]), min_size=8, max_size=40
    )
)
def test_both_ways_give_the_same(short: str, long: str, events: list[int | str]) -> None:
    queries = compile_query(short), compile_query(long)
    kept = Kept()
    kept.add("first")
    present = {"first"}
    for event in events:
        if isinstance(event, int):
            kept.tick(event)
        elif event == "anew":
            kept.begin_anew()
        elif event.startswith("-"):
            kept.remove(event[1:])
            present.discard(event[1:])
        elif event not in present:
            kept.add(event)
            present.add(event)
        if not kept.times:
            continue
        at = kept.times[-1] + 1000
        results = []
        for query in queries:
            context = query.context(kept, at)
            results.append((dict(query.evaluate(context)), context.annotations))
        (ours, our_notes), (theirs, their_notes) = results
        assert ours.keys() == theirs.keys()
        assert our_notes == their_notes
        for labels, value in ours.items():
            assert value == pytest.approx(theirs[labels], nan_ok=True)


def test_a_gauge_is_told_to_be_none() -> None:
    kept = Kept()
    kept.add("x")
    for _ in range(5):
        kept.tick(1)
    query = compile_query("sum(rate(depth[1m]))")
    context = query.context(kept, kept.times[-1])
    query.evaluate(context)
    assert "might not be a counter" in context.annotations.of("info")[0]


def test_a_subquery_takes_the_long_way() -> None:
    kept = Kept()
    kept.add("x")
    for _ in range(60):
        kept.tick(1)
    query = compile_query("sum(increase(a_bucket[4m:1m]))")
    ((_, value),) = query.evaluate(query.context(kept, kept.times[-1]))
    assert value == pytest.approx(480)
