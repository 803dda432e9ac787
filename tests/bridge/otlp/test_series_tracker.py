from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitalspan.bridge.otlp.model import (
    OWN_SCOPE,
    Batch,
    Description,
    ExponentialPoint,
    HistogramPoint,
    Kind,
    NumberPoint,
    Point,
    Scope,
    SummaryPoint,
)
from vitalspan.bridge.otlp.series_tracker import SeriesTracker

A, B = (("a", "1"),), (("a", "2"),)
TYPES = {
    Kind.COUNTER: NumberPoint,
    Kind.GAUGE: NumberPoint,
    Kind.SUM: NumberPoint,
    Kind.HISTOGRAM: HistogramPoint,
    Kind.EXPONENTIAL_HISTOGRAM: ExponentialPoint,
    Kind.SUMMARY: SummaryPoint,
}


def description(kind: Kind, name: str = "m") -> Description:
    return Description(name, "", "", kind.name, kind)


def batch(kind: Kind, *points: Point, name: str = "m", scope: Scope = OWN_SCOPE) -> Batch:
    return {scope: [(description(kind, name), list(points))]}


def points(followed: Batch) -> list[Any]:
    return [point for metrics in followed.values() for _, listed in metrics for point in listed]


def point(kind: Kind, value: int, *, start: int = 0, time: int = 10, attributes: Any = A) -> Point:
    return TYPES[kind](attributes, start, time, value)


CUMULATIVE = [kind for kind in Kind if kind.resets]


@pytest.mark.parametrize("kind", CUMULATIVE)
class TestResets:
    def follow(self, kind: Kind, *values: tuple[int, int]) -> list[int]:
        """The start times of values that were read at 10, 20 and so on."""
        tracker, starts = SeriesTracker(), []
        for reading, (value, start) in enumerate(values, 1):
            time = 10 * reading
            followed = tracker.follow(batch(kind, point(kind, value, start=start, time=time)), time)
            starts.append(points(followed)[0].start)
        return starts

    def test_a_series_without_a_start_has_none(self, kind: Kind) -> None:
        assert self.follow(kind, (1, 0), (1, 0), (5, 0)) == [0, 0, 0]

    def test_what_has_fallen_began_after_the_reading_before(self, kind: Kind) -> None:
        assert self.follow(kind, (5, 0), (3, 0), (4, 0), (1, 0)) == [0, 10, 10, 30]

    def test_a_start_of_its_own_stays(self, kind: Kind) -> None:
        assert self.follow(kind, (5, 3), (6, 3)) == [3, 3]

    def test_a_start_of_its_own_that_is_later_than_the_reset(self, kind: Kind) -> None:
        assert self.follow(kind, (5, 3), (1, 17), (2, 17)) == [3, 17, 17]

    def test_one_that_says_nothing_of_the_reset(self, kind: Kind) -> None:
        assert self.follow(kind, (5, 3), (1, 3), (2, 3)) == [3, 10, 10]


@pytest.mark.parametrize("kind", [Kind.GAUGE, Kind.SUM])
def test_what_may_fall_has_no_resets(kind: Kind) -> None:
    tracker = SeriesTracker()
    tracker.follow(batch(kind, point(kind, 5)), 10)
    assert points(tracker.follow(batch(kind, point(kind, 1)), 20))[0].start == 0


@pytest.mark.parametrize("kind", Kind)
class TestVanishing:
    def test_a_series_of_a_metric(self, kind: Kind) -> None:
        tracker = SeriesTracker()
        tracker.follow(batch(kind, point(kind, 1, start=4), point(kind, 2, attributes=B)), 10)
        left, gone = points(tracker.follow(batch(kind, point(kind, 2, attributes=B)), 20))
        assert (left.attributes, left.stale) == (B, False)
        assert (gone.attributes, gone.stale, gone.time) == (A, True, 20)

    def test_what_are_series_of_their_own_to_prometheus(self, kind: Kind) -> None:
        tracker = SeriesTracker()
        known = point(kind, 1)
        if isinstance(known, HistogramPoint):
            known = known._replace(counts=(1, 0, 0), boundaries=(0.5, 1.0))
        elif isinstance(known, SummaryPoint):
            known = known._replace(quantiles=((0.5, 7.0), (0.9, 8.0)))
        tracker.follow(batch(kind, known), 10)
        [gone] = points(tracker.follow({}, 20))
        if kind is Kind.HISTOGRAM:
            assert (gone.boundaries, gone.counts) == ((0.5, 1.0), (0, 0, 0))
        elif kind is Kind.SUMMARY:
            assert gone.quantiles == ((0.5, 0.0), (0.9, 0.0))

    def test_a_whole_metric_and_a_whole_scope(self, kind: Kind) -> None:
        tracker = SeriesTracker()
        tracker.follow(batch(kind, point(kind, 1), scope=Scope("lib")), 10)
        followed = tracker.follow({}, 20)
        assert list(followed) == [Scope("lib")]
        assert [one.stale for one in points(followed)] == [True]

    def test_it_is_said_once(self, kind: Kind) -> None:
        tracker = SeriesTracker()
        tracker.follow(batch(kind, point(kind, 1)), 10)
        tracker.follow({}, 20)
        assert tracker.follow({}, 30) == {}
        assert len(tracker) == 0

    def test_what_is_stale_already_is_not_said_again(self, kind: Kind) -> None:
        tracker = SeriesTracker()
        stale = TYPES[kind](A, 0, 10, stale=True)
        assert points(tracker.follow(batch(kind, stale), 10)) == [stale]
        assert tracker.follow({}, 20) == {}

    def test_one_that_comes_back_begins_anew(self, kind: Kind) -> None:
        tracker = SeriesTracker()
        tracker.follow(batch(kind, point(kind, 5)), 10)
        tracker.follow({}, 20)
        [back] = points(tracker.follow(batch(kind, point(kind, 1)), 30))
        assert (back.stale, back.start) == (False, 0)


def test_the_first_of_several_points_of_a_series_stays() -> None:
    followed = SeriesTracker().follow(
        batch(Kind.COUNTER, point(Kind.COUNTER, 5), point(Kind.COUNTER, 3)), 10
    )
    assert [one.value for one in points(followed)] == [5]


def test_reset_forgets() -> None:
    tracker = SeriesTracker()
    tracker.follow(batch(Kind.COUNTER, point(Kind.COUNTER, 5)), 10)
    tracker.reset()
    assert tracker.follow({}, 20) == {}


readings = st.lists(
    st.dictionaries(st.sampled_from("abcd"), st.integers(0, 5), max_size=4), min_size=1, max_size=8
)


@given(readings)
def test_every_series_is_there_or_said_to_be_gone_exactly_once(
    history: list[dict[str, int]],
) -> None:
    tracker, before = SeriesTracker(), set[Any]()
    last: dict[str, tuple[int, int]] = {}
    for number, values in enumerate(history, 1):
        time = number * 10
        listed = [
            NumberPoint((("k", key),), 0, time, float(value)) for key, value in values.items()
        ]
        followed = points(tracker.follow(batch(Kind.COUNTER, *listed) if listed else {}, time))
        by_key = {dict(one.attributes)["k"]: one for one in followed}
        assert len(by_key) == len(followed)
        assert {key for key, one in by_key.items() if not one.stale} == set(values)
        assert {key for key, one in by_key.items() if one.stale} == before - set(values)
        for key, value in values.items():
            if key in before and value < last[key][0]:
                assert by_key[key].start == time - 10
        last = {key: (value, time) for key, value in values.items()}
        before = set(values)
