"""Stores that tests fill and read."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry

import vitalspan as vs
from vitalspan.store.open_store import open_store
from vitalspan.store.reader import StoreReader
from vitalspan.store.tiers import parse_tiers

WALL = 1_699_999_200.0
"""The start of the first process of a test, at a full hour."""


def service(
    url: str, wall: float = WALL, start: float = 1000.0, **settings: object
) -> tuple[vs.ManualClock, vs.Monitor]:
    """Return a process with a store: its clock and its monitor."""
    clock = vs.ManualClock(start=start, wall=wall)
    monitor = vs.Monitor(
        registry=CollectorRegistry(), clock=clock, system_metrics=False, store=url, **settings
    )
    return clock, monitor


def sqlite_url(folder: Path) -> str:
    """Return the URL of a file in a folder."""
    return f"sqlite:///{folder / 'history.db'}"


def reader_of(url: str, tiers: str = "5s:2h,1m:48h,1h:30d") -> StoreReader:
    """Return a reader of a store whose process may be writing to it."""
    return StoreReader(open_store(url, read_only=True), parse_tiers(tiers))


def call(
    monitor: vs.Monitor, clock: vs.ManualClock, durations: Sequence[float], operation: str = "pay"
) -> None:
    """Record calls with these durations in seconds."""
    for seconds in durations:
        with monitor.operation(operation, component="till"):
            clock.advance(seconds)


def step(monitor: vs.Monitor, clock: vs.ManualClock, times: int = 1) -> None:
    """Record a call of half a second before each of some ticks, five seconds apart."""
    for _ in range(times):
        call(monitor, clock, [0.5])
        clock.advance(4.5)
        monitor.tick()


def stored_calls(url: str, clock: vs.ManualClock) -> int:
    """Return the number of calls in a store."""
    series = reader_of(url).period(WALL, clock.wall(), clock.wall()).series
    return sum(one.count for one in series)


def fail(monitor: vs.Monitor, operation: str = "pay") -> None:
    """Record a call that fails at once."""
    try:
        with monitor.operation(operation, component="till"):
            raise ValueError("refused")
    except ValueError:
        pass


def some_durations(seed: int, count: int) -> list[float]:
    """Return durations that are less than a second in total, always the same for the same seed."""
    chosen = random.Random(seed)
    return [chosen.lognormvariate(-7, 0.8) for _ in range(count)]
