"""Frames of minutes that are made of frames in memory have what those of the store have."""

from __future__ import annotations

import pytest

from support.stored import WALL, call, fail, service, some_durations, sqlite_url
from vitalspan.store.errors import StoreError
from vitalspan.store.frame import Frame
from vitalspan.store.open_store import open_store
from vitalspan.store.packed_frame import PackedFrame
from vitalspan.store.recent_intervals import RecentIntervals
from vitalspan.store.sqlite import SqliteStore


@pytest.fixture
def url(tmp_path):
    return sqlite_url(tmp_path)


@pytest.fixture
def from_memory(monkeypatch):
    """The intervals that were made from memory, by their start."""
    intervals: list[int] = []
    rows = RecentIntervals.rows

    def spy(self, start, groups):
        known = rows(self, start, groups)
        if known is not None:
            intervals.append(start)
        return known

    monkeypatch.setattr(RecentIntervals, "rows", spy)
    return sorted, intervals


def run(monitor, clock, ticks, gap=5.0, seed=1):
    """Record calls of some operations, some of which fail, before each of some ticks."""
    for tick in range(ticks):
        durations = some_durations(seed + tick, 6)
        call(monitor, clock, durations)
        if tick % 3:
            call(monitor, clock, durations[:2], "ship")
        if tick % 4 == 0:
            fail(monitor)
        clock.advance(gap - durations_of(durations, tick))
        monitor.tick()


def durations_of(durations, tick):
    return sum(durations) + (sum(durations[:2]) if tick % 3 else 0.0)


def minutes_agree(url):
    """Return the minutes of a store, each of which has what its finest frames have."""
    store = open_store(url, read_only=True)
    rows = store.frames(60, 0, 2**40)
    for row in rows:
        minute, expected = Frame(), Frame()
        PackedFrame(row.packed).add_to(minute)
        for finer in store.frames(5, row.start, row.start + 60, [row.group]):
            PackedFrame(finer.packed).add_to(expected)
        assert minute.counts == expected.counts
        assert minute.errors == expected.errors
        assert minute.sketches == expected.sketches
        assert minute.extras == expected.extras
        assert (minute.shortest, minute.longest) == (expected.shortest, expected.longest)
        assert minute.totals == pytest.approx(expected.totals)
        assert minute.squares == pytest.approx(expected.squares, rel=1e-5)
    return sorted(row.start for row in rows)


@pytest.mark.parametrize("gap", [1.0, 5.0, 7.0])
def test_minutes_are_made_from_memory(url, from_memory, gap):
    clock, monitor = service(url, wall=WALL + 0.4)
    run(monitor, clock, int(300 / gap), gap)
    monitor.close()
    minutes = minutes_agree(url)
    assert len(minutes) >= 3
    assert sorted(set(from_memory[1])) == minutes


def test_a_minute_with_a_restart_is_read_from_the_store(url, from_memory):
    clock, monitor = service(url)
    run(monitor, clock, 30)
    monitor.close()
    clock, monitor = service(url, wall=clock.wall())
    run(monitor, clock, 30, seed=50)
    monitor.close()
    minutes = minutes_agree(url)
    assert set(from_memory[1]) < set(minutes)
    assert len(minutes) >= 4


def test_a_clock_set_back_during_a_restart_adds_no_calls_to_a_minute_that_is_done(url):
    clock, monitor = service(url)
    run(monitor, clock, 1)
    for _ in range(14):
        clock.advance(5)
        monitor.tick()
    monitor.close()
    clock, monitor = service(url, wall=clock.wall() - 50)
    run(monitor, clock, 40, seed=50)
    monitor.close()
    assert len(minutes_agree(url)) >= 3


def test_irregular_ticks_are_in_their_minutes(url, from_memory):
    clock, monitor = service(url)
    for minute in range(5):
        for second in (10, 20, 30, 40, 50, 56, 58):
            call(monitor, clock, [0.5 if (minute, second) == (1, 58) else 0.001 * (minute + 1)])
            clock.advance(WALL + 60 * minute + second - clock.wall())
            monitor.tick()
    clock.advance(200)
    monitor.tick()
    run(monitor, clock, 26)
    monitor.close()
    minutes = minutes_agree(url)
    assert len(minutes) >= 6
    assert set(from_memory[1]) == set(minutes)


def test_minutes_that_were_written_at_once_are_read_from_the_store(url, from_memory, monkeypatch):
    clock, monitor = service(url)
    run(monitor, clock, 14)
    with monkeypatch.context() as away:
        away.setattr(SqliteStore, "write", unable)
        run(monitor, clock, 60, seed=50)
    run(monitor, clock, 26, seed=150)
    monitor.close()
    minutes = minutes_agree(url)
    assert len(minutes) >= 8
    assert set(from_memory[1]) < set(minutes)


def unable(store, batch):
    raise StoreError("the disk is full")


def test_a_minute_has_the_calls_of_an_operation_that_was_forgotten(url):
    clock, monitor = service(url)
    run(monitor, clock, 26)
    monitor.forget(operation="ship")
    run(monitor, clock, 26, seed=50)
    monitor.close()
    assert len(minutes_agree(url)) >= 4
