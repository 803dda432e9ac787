"""Points of charts that are kept are those that would be read anew."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.watched import Watched
from vitalspan.page import point_cache
from vitalspan.page.charts import Points, find_boundaries, read_points
from vitalspan.page.figures import reading_charts


def points_of(watched: Watched, seconds: float) -> tuple[Points, Points]:
    """The points of all calls, as the page has them, and read anew."""
    with reading_charts(watched.monitor, seconds) as charts:
        assert charts is not None
        history, epoch = charts.history, charts.history.counts.epoch()
        interval = watched.monitor.evaluation.ticker.interval
        anew = find_boundaries(history, epoch, seconds, interval=interval)
        return charts.every(), read_points(history.operations.all, anew)


@settings(deadline=None, max_examples=15)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 40)), min_size=30, max_size=60))
def test_kept_points_are_those_that_are_read_anew(calls: list[tuple[int, int]]) -> None:
    watched = Watched(health_model="off")
    for number, (count, ticks) in enumerate(calls):
        watched.call(times=count)
        # Older than a quarter of an hour, ticks are left out.
        for _ in range(ticks):
            watched.tick()
        # Few points are common to charts of two lengths.
        kept, anew = points_of(watched, (900, 3600)[number % 2])
        assert kept == anew


def test_what_is_over_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(health_model="off")
    for _ in range(200):
        watched.call()
        watched.tick()
    points_of(watched, 900)
    read = []

    def noted(slot: object) -> object:
        read.append(slot)
        return figures_of(slot)

    from vitalspan.page import charts as module

    figures_of = module.figures_of
    with reading_charts(watched.monitor, 900) as charts:
        assert charts is not None
        monkeypatch.setattr(module, "figures_of", noted)
        points = charts.every()
    assert len(read) == 1 < len(points.rate)


def test_a_history_that_begins_anew_has_points_of_its_own() -> None:
    watched = Watched(health_model="off")
    for _ in range(50):
        watched.call(times=2)
        watched.tick()
    points_of(watched, 900)
    watched.monitor.reset()
    for _ in range(10):
        watched.tick()
    kept, anew = points_of(watched, 900)
    assert kept == anew
    assert set(kept.rate) <= {None, 0.0}


def test_forgotten_calls_are_in_no_point() -> None:
    watched = Watched(health_model="off")
    for _ in range(50):
        with watched.monitor.operation("gone"):
            pass
        watched.tick()
    points_of(watched, 900)
    watched.monitor.forget("gone")
    kept, anew = points_of(watched, 900)
    assert kept == anew
    assert set(kept.rate) <= {None, 0.0}


def test_charts_that_are_kept_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(point_cache, "MOST_CHARTS", 2)
    watched = Watched(health_model="off")
    watched.call()
    watched.tick()
    history = watched.monitor.evaluation.history
    first = point_cache.point_cache.points(history, ("a", None, 1.0, 0))
    first[0.0, 1.0] = (1.0, None, None, None, None)
    assert point_cache.point_cache.points(history, ("a", None, 1.0, 0)) is first
    for name in "bc":
        point_cache.point_cache.points(history, (name, None, 1.0, 0))
    assert point_cache.point_cache.points(history, ("a", None, 1.0, 0)) == {}
