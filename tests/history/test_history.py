"""Counters over time: any window, whatever was forgotten, says what a full record would say."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter as Counts

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge

import vitalspan as vs
from vitalspan.exposition.registry_samples import read_samples
from vitalspan.history.operation_series import OperationSeries
from vitalspan.history.registry_metrics import Metrics
from vitalspan.history.series_index import SeriesIndex
from vitalspan.history.ticks import LONGEST, TIERS, Ticks, kept
from vitalspan.history.time_series import TimeSeries
from vitalspan.recording.duration_histogram import Spread
from vitalspan.recording.series import FreshCalls, Series
from vitalspan.signals.pool import SeriesPool


def ticking(steps: int, interval: float, born: float = 0.0) -> Ticks:
    ticks = Ticks(born)
    for step in range(1, steps + 1):
        ticks.add(born + step * interval)
    return ticks


def test_a_window_begins_at_the_last_tick_that_is_not_in_it() -> None:
    ticks = ticking(10, 5.0)
    assert ticks.start(50.0, 20.0) == 30.0
    assert ticks.start(50.0, 22.0) == 25.0
    assert ticks.start(50.0, 5.0) == 45.0


def test_a_window_longer_than_the_history_begins_with_it() -> None:
    assert ticking(3, 5.0, born=100.0).start(115.0, 3600.0) == 100.0


def test_the_last_quarter_of_an_hour_keeps_every_tick_and_a_month_few() -> None:
    ticks = ticking(40 * 24 * 60, 60.0)
    now = ticks.times[-1]
    assert len([one for one in ticks.times if now - one <= 900]) == 16
    assert len(ticks.times) < 15 + 360 + 432 + 744 + 64 + 5
    # Thinning is done now and then, so something older may still be there.
    assert now - ticks.times[0] <= LONGEST + 64 * 60
    gaps = [
        (now - before, after - before)
        for before, after in zip(ticks.times, ticks.times[1:], strict=False)
    ]
    for age, gap in gaps:
        size = next(size for up_to, size in TIERS if age <= up_to or up_to == LONGEST)
        assert gap <= max(60.0, 2 * size)


@given(
    st.lists(st.floats(0.1, 4000.0), min_size=1, max_size=200),
    st.floats(0, 1e6),
)
def test_thinning_keeps_slots_and_order(gaps: list[float], begin: float) -> None:
    times, now = [begin], begin
    for gap in gaps:
        now += gap
        times.append(now)
    once = kept(times, now)
    assert once == sorted(set(once))
    assert set(once) <= set(times)
    assert kept(once, now) == once
    assert times[-1] in once


BUCKETS = st.integers(0, 330) | st.integers(0, 8350)
CALLS = st.integers(1, 9) | st.sampled_from([2**16 - 1, 2**16, 2**32])


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[float, dict[int, int]]]:
    """Ticks with the calls by bucket since the tick before."""
    gaps = draw(st.lists(st.sampled_from([5.0, 5.0, 5.0, 60.0, 900.0]), min_size=1, max_size=300))
    fresh = st.dictionaries(BUCKETS, CALLS, max_size=3)
    now, found = 0.0, []
    for gap in gaps:
        now += gap
        found.append((now, draw(fresh)))
    return found


class FakeHistory:
    """What a pool asks of a history."""

    def __init__(self) -> None:
        self.ticks = Ticks(0.0)


@settings(max_examples=150)
@given(histories(), st.sampled_from([10.0, 60.0, 300.0, 3600.0, 30000.0]))
def test_every_window_is_what_a_full_record_says(
    history: list[tuple[float, dict[int, int]]], window: float
) -> None:
    """Counters by difference, buckets by adding and taking away, entries forgotten in between."""
    fake = FakeHistory()
    cell = Series("c", "o", ())
    track = OperationSeries(cell)
    pool = SeriesPool(fake)  # type: ignore[arg-type]
    pool.tracks.append(track)
    for number, (now, fresh) in enumerate(history):
        fake.ticks.add(now)
        if fresh:
            cell.histogram.add(fresh, sum(fresh.values()) * 0.5)
            track.note(now, FreshCalls(fresh, Spread(0.0, min(fresh) + 1.0, max(fresh) + 1.0)))
        if number % 7 == 3:
            track.thin(fake.ticks.times, fake.ticks.oldest(window))
        start = fake.ticks.start(now, window)
        pool.move(start, now, window)
        wanted: Counts[int] = Counts()
        for when, buckets in history[: number + 1]:
            wanted.update(buckets if when > start else {})
        middle = cell.histogram.grid.middle
        assert pool.durations() == [(middle(one), wanted[one]) for one in sorted(wanted)]
        entries = bisect_right(track.times, start), len(track.times)
        if wanted:
            assert track.extremes(*entries) == (min(wanted) + 1.0, max(wanted) + 1.0)
        assert pool.increase("count") == wanted.total()
        assert pool.increase("total") == pytest.approx(wanted.total() * 0.5)


def test_a_column_that_comes_later_was_zero_before() -> None:
    track = TimeSeries({})
    track.append(5.0, {"count": 3})
    track.append(10.0, {"count": 4, "errors": 1})
    track.append(15.0, {"count": 9})
    assert track.increase("errors", 5.0) == 1
    assert track.increase("errors", 0.0) == 1
    assert track.increase("errors", 10.0) == 0
    assert track.increase("count", 5.0) == 6
    assert track.increase("nothing", 5.0) == 0
    assert track.latest("errors") == 1
    assert track.latest("nothing") == 0


def test_what_is_older_than_the_retention_is_forgotten() -> None:
    ticks = Ticks(0.0)
    track = TimeSeries({})
    for step in range(1, 400):
        ticks.add(step * 5.0)
        track.append(step * 5.0, {"count": step})
    track.thin(ticks.times, ticks.oldest(600.0))
    assert len(track.times) <= 122
    assert track.increase("count", ticks.start(1995.0, 600.0)) == 120
    assert track.due() is False


def test_collections_know_tracks_by_a_label() -> None:
    collection: SeriesIndex[TimeSeries] = SeriesIndex("operation")
    later = collection.with_key("b")
    first = collection.add(TimeSeries({"operation": "a"}))
    second = collection.add(TimeSeries({"operation": "b"}))
    assert collection.all == [first, second]
    assert later == [second]
    collection.remove(second)
    assert later == []
    assert collection.removals == 1
    collection.remove(None)
    assert collection.removals == 1
    collection.clear()
    assert (collection.all, collection.removals) == ([], 2)


def test_metrics_of_a_registry_are_followed() -> None:
    registry = CollectorRegistry()
    gauge = Gauge("depth", "Waiting.", ["queue"], registry=registry)
    counter = Counter("jobs", "Done.", registry=registry)
    metrics = Metrics(lambda names: read_samples(registry, names))
    ticks = Ticks(0.0)

    def look(now: float) -> None:
        ticks.add(now)
        metrics.observe(now, metrics.read(), ticks)

    depth, jobs = metrics.follow("depth"), metrics.follow("jobs_total")
    assert metrics.follow("depth") is depth
    gauge.labels("a").set(3)
    counter.inc(100)
    look(5.0)
    counter.inc(2)
    look(10.0)
    look(15.0)
    assert depth.present == [({"queue": "a"}, 3.0)]
    [track] = jobs.tracks.all
    # What was counted before it was first seen is in no window.
    assert track.increase("value", 0.0) == 2
    gauge.clear()
    counter.reset()
    counter.inc(1)
    look(20.0)
    assert depth.present == []
    assert track.increase("value", 10.0) == 1
    # What has gone for good makes room.
    registry.unregister(counter)
    look(30.0)
    assert jobs.tracks.all == []
    metrics.clear()
    assert jobs.tracks.all == []


def test_a_collector_that_raises_leaves_the_others_readable() -> None:
    registry = CollectorRegistry()
    Gauge("good", "Good.", registry=registry).set(1)
    bad = Gauge("bad", "Bad.", registry=registry)
    bad.set_function(lambda: 1 / 0)
    found = list(read_samples(registry, frozenset(["good", "bad", "unknown"])))
    assert found == [("good", {}, 1.0)]


def test_observing_counts_what_has_ended_and_only_that() -> None:
    clock = vs.ManualClock()
    monitor = vs.Monitor(registry=CollectorRegistry(), system_metrics=False, clock=clock)
    history = monitor.evaluation.history

    @monitor.operation("f", labels={"tier": "gold"})
    def f(fails: bool = False) -> None:
        clock.advance(0.1)
        if fails:
            raise ValueError("no")

    f()
    clock.advance(5)
    assert history.observe(clock.now())
    [track] = history.operations.all
    assert track.labels == {"component": "default", "operation": "f", "tier": "gold"}
    f()
    with pytest.raises(ValueError, match="no"):
        f(fails=True)
    clock.advance(5)
    assert history.observe(clock.now())
    assert list(track.times) == [clock.now() - 5.2, clock.now()]
    assert track.increase("count", clock.now() - 5.2) == 2
    assert track.increase("errors", clock.now() - 5.2) == 1
    clock.advance(5)
    assert history.observe(clock.now())
    # Nothing happened, so nothing is kept of it.
    assert len(track.times) == 2
    monitor.reset()
    assert history.operations.all == []


def test_caches_and_apis_have_tracks() -> None:
    clock = vs.ManualClock()
    monitor = vs.Monitor(registry=CollectorRegistry(), system_metrics=False, clock=clock)
    history = monitor.evaluation.history
    monitor.cache("pages").hit()
    monitor.api("llm").record(tokens=7, cost=0.5)
    for _ in range(2):
        clock.advance(5)
        history.observe(clock.now())
    monitor.cache("pages").miss()
    clock.advance(5)
    history.observe(clock.now())
    [cache], [api] = history.caches.all, history.apis.all
    assert (cache.labels, len(cache.times)) == ({"component": "default", "cache": "pages"}, 2)
    assert (cache.increase("hits", 0.0), cache.increase("misses", 0.0)) == (1, 1)
    assert (api.increase("tokens", 0.0), api.increase("cost", 0.0)) == (7, 0.5)
