"""Several processes of one service: the page is the same, whichever of them answers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import vitalspan as vs
from support.page_clients import ask
from support.worker_processes import die, make_monitor, publish

Pair = tuple[vs.Monitor, vs.Monitor]


@pytest.fixture
def pair(tmp_path: Path, clock: vs.ManualClock) -> Iterator[Pair]:
    first, second = (make_monitor(tmp_path, clock) for _ in range(2))
    yield first, second
    for one in (first, second):
        one.close()


def work(pair: Pair, clock: vs.ManualClock, ticks: int) -> None:
    """Let calls be made in both processes, and both of them tick, the first one first."""
    for tick in range(ticks):
        for number, monitor in enumerate(pair):
            for _ in range(number + 1):
                with (
                    contextlib.suppress(ValueError),
                    monitor.operation("checkout", component="shop"),
                ):
                    clock.advance(0.12)
                    if tick % 3 == 0:
                        raise ValueError("no")
            publish(monitor)
        clock.advance(5)
        for monitor in pair:
            monitor.tick()


def shown(monitor: vs.Monitor) -> dict[str, Any]:
    document = ask(monitor.registry, "overview", range=300)
    assert document["notice"] is None
    return document


def test_both_show_the_same(pair: Pair, clock: vs.ManualClock) -> None:
    work(pair, clock, 20)
    for _ in range(2):
        one, other = map(shown, pair)
        assert one["axis"] == other["axis"]
        assert one["points"] == other["points"]
        assert one["total"]["count"] == other["total"]["count"]
        figures = [each["operations"][0]["figures"] for each in (one, other)]
        for name in ("count", "errors", "error_rate", "throughput", "p50", "p95"):
            assert figures[0][name] == figures[1][name]
        assert sum(rate or 0 for rate in other["points"]["rate"]) > 0
        # What comes later is read from where the last reading has ended.
        work(pair, clock, 5)
    changes = [ask(monitor.registry, "changes", range=60) for monitor in pair]
    assert changes[0]["unchanged"] == changes[1]["unchanged"] == 1


def test_whoever_takes_over_goes_on_from_there(
    pair: Pair, clock: vs.ManualClock, tmp_path: Path
) -> None:
    first, second = pair
    work(pair, clock, 10)
    before = shown(second)
    die(first)
    first.stop()
    third = make_monitor(tmp_path, clock)
    work((second, third), clock, 3)
    one, other = shown(second), shown(third)
    assert one["points"] == other["points"]
    assert one["total"]["count"] == before["total"]["count"] + 3 * 3
    third.close()
