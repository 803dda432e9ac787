"""The next calls of an operation, as the API answers and as events tell."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from support.page_clients import ask
from support.watched import Watched
from vitalspan.page.events import EventFeed
from vitalspan.page.watches import SECONDS, watches


def told(feed: EventFeed, *, anew: bool = False) -> list[tuple[str, Any]]:
    events = feed.step(anew=anew).decode().split("\n\n")
    pairs = (one.split("\ndata: ") for one in events if one)
    return [(kind.removeprefix("event: "), json.loads(data)) for kind, data in pairs]


def test_the_next_calls_as_they_end() -> None:
    shop = Watched(recent_calls=2)
    shop.call("checkout")
    shop.tick()
    first = ask(shop.registry, "watch", operation="checkout", limit=3)
    assert (first["calls"], first["ended"], first["wanted"]) == ([], False, 3)
    assert first["until"] == first["since"] + SECONDS
    more = {"operation": "checkout", "limit": 3, "since": first["since"]}
    shop.tick()
    shop.call("checkout", 0.2, labels={"tier": "gold"})
    shop.call("else", times=9)
    shop.tick()
    [call] = ask(shop.registry, "watch", **more)["calls"]
    assert (call["labels"], call["duration"]) == ({"tier": "gold"}, pytest.approx(0.2))
    shop.call("checkout", times=5)
    shop.tick()
    last = ask(shop.registry, "watch", **more)
    assert (len(last["calls"]), last["ended"]) == (3, True)
    assert last["calls"][0] == call


def test_it_ends_with_its_time_and_is_forgotten() -> None:
    shop = Watched()
    first = ask(shop.registry, "watch", operation="checkout")
    assert len(watches.living(shop.monitor)) == 1
    shop.clock.advance(SECONDS + 1)
    assert watches.living(shop.monitor) == []
    again = ask(shop.registry, "watch", operation="checkout", since=first["since"])
    assert again["ended"]
    assert watches.living(shop.monitor) == []


def test_a_watch_that_another_process_began_has_the_recent_calls() -> None:
    shop = Watched()
    since = shop.clock.wall()
    shop.clock.advance(1)
    shop.call("checkout", times=3)
    assert len(ask(shop.registry, "watch", operation="checkout", since=since)["calls"]) == 3
    shop.tick()
    shop.call("checkout")
    shop.tick()
    assert len(ask(shop.registry, "watch", operation="checkout", since=since)["calls"]) == 4


def test_events_tell_of_them_once_a_second_and_of_nothing_otherwise() -> None:
    shop = Watched(tick_interval=5)
    feed = EventFeed(shop.registry)
    assert [kind for kind, _ in told(feed, anew=True)] == ["status"]
    assert feed.seconds == 5
    listener = threading.Event()
    watches.wake_with_another(listener)
    ask(shop.registry, "watch", operation="checkout")
    assert listener.is_set()
    kinds = told(feed, anew=True)
    assert [kind for kind, _ in kinds] == ["status", "watch"]
    assert feed.seconds == 1
    assert told(feed) == []
    shop.call("checkout")
    [(kind, document)] = told(feed)
    assert (kind, len(document["calls"])) == ("watch", 1)
    assert [told(feed) for _ in range(2)] == [[], []]
    assert [kind for kind, _ in told(feed)] == ["status"]
    shop.clock.advance(SECONDS)
    for _ in range(5):
        told(feed)
    assert feed.seconds == 5
    shop.monitor.close()
