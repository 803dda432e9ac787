"""What a process stores is what it counted: for every period, tier and restart."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.stored import WALL, call, fail, reader_of, service, some_durations, sqlite_url
from vitalspan.store import series_numbers
from vitalspan.store.open_store import open_store


def sums(period, operation="pay"):
    return next(
        (one for one in period.series if one.series.labels.get("operation") == operation), None
    )


@pytest.fixture
def url(tmp_path):
    return sqlite_url(tmp_path)


def test_figures_are_those_of_the_process(url):
    clock, monitor = service(url)
    durations = some_durations(1, 50)
    for seconds in durations:
        call(monitor, clock, [seconds])
        clock.advance(1.0)
        monitor.tick()
    for _ in range(3):
        fail(monitor)
    clock.advance(5)
    monitor.tick()
    live = monitor.statistics.operation("pay")
    stored = sums(reader_of(url).period(WALL, clock.wall(), clock.wall()))
    assert (stored.count, stored.errors) == (53, 3) == (live.count, live.errors)
    assert stored.total == pytest.approx(live.total)
    assert stored.longest == live.max
    assert stored.shortest == live.min
    assert stored.errors_by_type == {"ValueError": 3}
    for q, figure in ((0.5, live.p50), (0.95, live.p95), (0.99, live.p99)):
        assert stored.quantile(q) == pytest.approx(figure, rel=0.09)
    monitor.close()


def test_caches_and_apis_and_slos_are_stored(url):
    clock, monitor = service(url)
    monitor.rules.add_slo(name="works", objective=0.9, window="30d")
    monitor.cache("pages").hit()
    monitor.cache("pages").miss()
    monitor.api("weather").record(tokens=12, cost=0.5)
    fail(monitor)
    clock.advance(5)
    monitor.tick()
    kinds = {
        one.series.kind: dict(one.extras)
        for one in reader_of(url).period(WALL, clock.wall(), clock.wall()).series
    }
    assert kinds["cache"] == {"hits": 1, "misses": 1}
    assert kinds["api"] == {"oks": 1, "tokens": 12, "cost": 0.5}
    assert kinds["slo"] == {"events": 1, "bad": 1}
    monitor.close()


def test_series_beyond_the_limit_are_added_up_and_read(url, monkeypatch):
    monkeypatch.setattr(series_numbers, "MAX_SERIES", 3)
    clock, monitor = service(url)
    for _ in range(4):
        for number in range(3):
            call(monitor, clock, [0.5], f"pay{number}")
            monitor.cache(f"pages{number}").hit()
            monitor.api(f"weather{number}").record(tokens=3, model=f"model{number}")
        clock.advance(3.5)
        monitor.tick()

    def check():
        stored = monitor.statistics(window=3 * 3600)
        assert [(one.name, one.hits) for one in stored.caches] == [("_overflow", 12)]
        assert [(one.name, one.calls) for one in stored.apis] == [("_overflow", 12)]
        (model,) = stored.apis[0].models
        assert model.model == "_overflow"

    check()
    monitor.close()
    clock, monitor = service(url, wall=clock.wall() + 1)
    monitor.tick()
    check()
    monitor.close()
    # Earlier versions gave all kinds the labels of operations.
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute(
            "UPDATE series SET labels = ? WHERE labels LIKE '%_overflow%'",
            ('{"component":"_overflow","operation":"_overflow"}',),
        )
    clock, monitor = service(url, wall=clock.wall() + 1)
    monitor.tick()
    check()
    restored = monitor.statistics(window=10)
    assert {one.name for one in (*restored.caches, *restored.apis)} == {"_overflow"}
    monitor.close()


def test_very_many_calls_of_one_duration_are_restored(url, caplog):
    """More than 16 bits can count, between two ticks."""
    clock, monitor = service(url)
    for calls in (70_000, 2):
        for _ in range(calls):
            with monitor.operation("pay"):
                pass
        clock.advance(5)
        monitor.tick()
    monitor.close()
    clock, monitor = service(url, wall=clock.wall() + 60)
    monitor.tick()
    (restored,) = monitor.evaluation.history.operations.all
    calls = {}
    restored.add_buckets(calls, 0, len(restored.times))
    assert list(calls.values()) == [70_002]
    assert not caplog.records
    monitor.close()


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_period_has_its_calls(tmp_path_factory, data):
    """Ticks of any length, with pauses and restarts; periods that begin and end at minutes."""
    url = sqlite_url(tmp_path_factory.mktemp("periods"))
    wall, ended = WALL - WALL % 60, []
    clock, monitor = service(url, wall=wall)
    gaps = data.draw(
        st.lists(
            st.sampled_from([1.0, 5.0, 5.0, 7.3, 61.0, 400.0, 4000.0, -1.0]),
            min_size=5,
            max_size=25,
        )
    )
    monitor.tick()
    for gap in gaps:
        if gap < 0:
            monitor.close()
            wall = clock.wall() + 7
            clock, monitor = service(url, wall=wall)
            continue
        call(monitor, clock, [0.25, 0.5])
        clock.advance(gap)
        monitor.tick()
        ended.append(clock.wall())
    now = clock.wall()
    reader = reader_of(url)
    for _ in range(5):
        last = int(now // 60) * 60
        earliest = max(int(WALL // 60), (last - 6600) // 60)
        start = data.draw(st.integers(earliest, last // 60)) * 60
        end = data.draw(st.integers(start // 60, last // 60)) * 60
        period = reader.period(start, end, now)
        stored = sums(period)
        expected = 2 * sum(start < at <= end for at in ended)
        assert (stored.count if stored else 0) == expected
        if expected:
            assert sum(stored.buckets.values()) == expected
    assert sums(reader.period(WALL - 60, now, now)).count == 2 * len(ended)
    monitor.close()


def test_frames_become_coarser_with_their_age(url):
    clock, monitor = service(url, store_tiers="5s:1m,10s:2m,1m:1h")
    for _ in range(60):
        call(monitor, clock, [0.5])
        clock.advance(4.5)
        monitor.tick()
    monitor.close()
    store = open_store(url, read_only=True)
    for step, age in ((5, 60), (10, 120), (60, 3600)):
        first, _ = store.span(step)
        # What is too old goes once a minute.
        assert clock.wall() - first <= age + 60 + 2 * step
    assert sum(row.calls for row in store.frames(60, 0, int(clock.wall()))) >= 40
    reader = reader_of(url, "5s:1m,10s:2m,1m:1h")
    assert sums(reader.period(WALL - 60, clock.wall(), clock.wall())).count == 60


def test_ticks_more_often_than_frames_lose_nothing(url):
    clock, monitor = service(url, tick_interval=0.5)
    for _ in range(40):
        call(monitor, clock, [0.25])
        clock.advance(0.25)
        monitor.tick()
    monitor.close()
    assert sums(reader_of(url).period(WALL, clock.wall(), clock.wall())).count == 40


def test_a_clock_that_is_set_back_loses_nothing(url):
    clock, monitor = service(url)
    for step in (0, 0, -3000, 0, 0, 3000, 0):
        clock.step_wall(step)
        call(monitor, clock, [0.25])
        clock.advance(5)
        monitor.tick()
    now = clock.wall()
    monitor.close()
    assert sums(reader_of(url).period(now - 6000, now, now)).count == 7


def test_a_smaller_store_forgets_sooner(url):
    clock, monitor = service(url, store_max_bytes=1)
    for _ in range(200):
        call(monitor, clock, [0.5])
        clock.advance(60)
        monitor.tick()
    monitor.close()
    first, last = open_store(url, read_only=True).span(5)
    assert last - first < 3600


def test_a_week_takes_no_more_memory_and_no_more_file_than_its_tiers(url):
    clock, monitor = service(url, store_tiers="1m:1h,10m:1d")
    sizes = []
    for _ in range(7):
        for _ in range(144):
            call(monitor, clock, [0.5])
            clock.advance(599.5)
            monitor.tick()
        sizes.append(monitor.evaluation.persistence.status.size)
    assert max(sizes[2:]) <= 1.1 * sizes[1]
    writer = monitor.evaluation.persistence._writer
    assert len(writer._waiting) == 0
    assert len(writer._open_slot[1]) <= 1
    monitor.close()
