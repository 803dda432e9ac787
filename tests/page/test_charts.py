"""Points of charts: nothing is counted twice or lost, and they stay where they are."""

from __future__ import annotations

from itertools import pairwise
from math import isnan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.watched import Watched
from vitalspan.page.charts import MAX_POINTS, find_boundaries, read_points, usual_step
from vitalspan.page.figures import reading_charts


def test_steps_are_round_and_points_not_too_many() -> None:
    assert [usual_step(seconds) for seconds in (60, 300, 900, 3600, 86400)] == [1, 5, 15, 60, 1800]


@given(
    calls=st.lists(st.integers(min_value=0, max_value=4), min_size=2, max_size=60),
    seconds=st.floats(min_value=5, max_value=4000),
    step=st.one_of(st.none(), st.floats(min_value=1, max_value=500)),
)
def test_points_add_up_to_what_was_counted(
    calls: list[int], seconds: float, step: float | None
) -> None:
    watched = Watched(health_model="off")
    for count in calls:
        watched.call(times=count)
        watched.tick()
    history = watched.monitor.evaluation.history
    boundaries = find_boundaries(history, 1e9, seconds, step)
    points = read_points(history.operations.all, boundaries)
    assert len(points.rate) == len(boundaries.axis.times) <= MAX_POINTS
    counted = sum(
        rate * (end - start)
        for rate, (start, end) in zip(points.rate, pairwise(boundaries.ticks), strict=True)
        if rate is not None
    )
    first, last = min(boundaries.ticks), boundaries.ticks[-1]
    if isnan(boundaries.ticks[0]):
        first = next(tick for tick in boundaries.ticks if not isnan(tick))
    ticks = [last - 5.0 * back for back in range(len(calls))][::-1]
    expected = sum(count for count, tick in zip(calls, ticks, strict=True) if tick > first + 1e-6)
    assert counted == pytest.approx(expected, rel=1e-3)


def test_points_stay_where_they_are_while_time_goes_on() -> None:
    watched = Watched(health_model="off")
    for _ in range(300):
        watched.call()
        watched.tick()
    with reading_charts(watched.monitor, 900) as charts:
        assert charts is not None
        before, times = charts.every(), charts.axis.times
    watched.tick()
    with reading_charts(watched.monitor, 900) as charts:
        assert charts is not None
        after, later = charts.every(), charts.axis.times
    shared = set(times[:-1]) & set(later[:-1])
    assert len(shared) >= len(times) - 3
    for when in shared:
        assert before.rate[times.index(when)] == after.rate[later.index(when)]


def test_a_young_service_has_a_short_axis() -> None:
    watched = Watched(health_model="off")
    watched.call(times=10)
    watched.tick(4)
    with reading_charts(watched.monitor, 3600) as charts:
        assert charts is not None
        points = charts.every()
    # Ticks are five seconds apart, and every point has one at least.
    assert (charts.axis.step, len(charts.axis.times)) == (10.0, 6)
    assert points.rate[:3] == (None, None, None)
    assert points.error_rate.count(0.0) == 1
