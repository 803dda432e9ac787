"""Views of a range that memory has not: charts and trends come from the store."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest

from support.page_clients import ask
from support.watched import Watched

HOUR = 3600.0
DAY = 24 * HOUR


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A service that has run for half a day, failed ever more, and has started again."""
    store = f"sqlite:///{tmp_path_factory.mktemp('store') / 'history.db'}"
    watched = Watched(store=store, tick_interval=720)
    for step in range(60):
        watched.call("checkout", 0.1, times=8, component="shop")
        watched.call("checkout", 0.1, times=step // 4, component="shop", error=ValueError("no"))
        watched.tick(seconds=720)
    watched.monitor.close()
    again = Watched(store=store, tick_interval=720)
    again.clock.step_wall(watched.clock.wall() - again.clock.wall() + 60)
    again.tick()
    again.call("checkout", 0.1, times=9, component="shop", error=ValueError("no"))
    again.tick()
    yield again
    again.monitor.close()


def test_charts_reach_back_as_far_as_the_store(shop: Watched) -> None:
    short = ask(shop.registry, "overview", range=HOUR)
    assert short["axis"]["times"][-1] - short["axis"]["times"][0] < HOUR
    document = ask(shop.registry, "overview", range=DAY)
    axis, points = document["axis"], document["points"]
    assert axis["times"][-1] - axis["times"][0] > 10 * HOUR
    assert {len(values) for values in points.values()} == {
        len(axis["times"]),
        len(document["scores"]),
    }
    counted = sum(
        rate * (end - start)
        for rate, (start, end) in zip(points["rate"][1:], pairwise(axis["times"]), strict=True)
    )
    assert counted == pytest.approx(document["total"]["count"], rel=0.2)
    known = [rate for rate in points["error_rate"] if rate is not None]
    assert known[-1] > known[0]
    # What was before the service is no time without calls.
    assert sum(rate == 0 for rate in points["rate"]) <= 1
    [row] = document["operations"][:1]
    assert len(row["points"]["rate"]) == len(axis["times"])
    assert [mark["kind"] for mark in document["marks"]][:1] == ["start"]
    assert ask(shop.registry, "status")["earlier"]


@pytest.mark.parametrize("name", ["operation", "operations", "resources", "history"])
def test_other_views_have_the_same_axis(shop: Watched, name: str) -> None:
    more = {"operation": "checkout"} if name == "operation" else {}
    document = ask(shop.registry, name, range=DAY, **more)
    axis = ask(shop.registry, "overview", range=DAY)["axis"]
    assert document["axis"] == axis


def test_trends_say_where_signals_lead(shop: Watched) -> None:
    document = ask(shop.registry, "trends", range=DAY)
    by_name = {one["signal"]: one for one in document["signals"]}
    errors = by_name["error_ratio"]
    assert errors["direction"] == "rising"
    assert errors["forecast"] > errors["values"][-1] - 0.1
    assert by_name["latency_p95"]["direction"] == "steady"
    assert {len(one["values"]) for one in document["signals"]} == {len(document["axis"]["times"])}


def test_without_a_store_there_is_no_more_than_memory_has() -> None:
    watched = Watched()
    watched.call()
    watched.tick(20)
    assert not ask(watched.registry, "status")["earlier"]
    assert ask(watched.registry, "overview", range=DAY)["axis"]["times"]
    assert ask(watched.registry, "trends")["signals"]
