"""Scrapes that share a rendering, and those that must not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import vitalspan as vs
from support.raw_clients import PATIENCE
from vitalspan.serve.coalescing import PATIENCE as HANGS_AFTER
from vitalspan.serve.coalescing import ScrapeCoalescer
from vitalspan.serve.messages import Response, text_response

WhenSent = Callable[[], None]


class Client:
    """A scrape, and what it got."""

    def __init__(self) -> None:
        self.responses: list[Response] = []
        self.sent: WhenSent = lambda: None
        self.answered = threading.Event()

    def respond(self, response: Response, when_sent: WhenSent) -> None:
        self.responses.append(response)
        self.sent = when_sent
        self.answered.set()

    @property
    def body(self) -> bytes:
        (response,) = self.responses
        return response.body


class Bench:
    """A coalescer whose jobs are run by hand, and a count of renderings."""

    def __init__(self, **limits: int) -> None:
        self.jobs: list[Callable[[], None]] = []
        self.clock = vs.ManualClock()
        self.renderings = 0
        self.threads_left = True
        limits = {"max_scrapes": 100, "max_renderings": 10} | limits
        self.coalescer = ScrapeCoalescer(self.submit, now=self.clock.now, **limits)

    def submit(self, job: Callable[[], None]) -> bool:
        if self.threads_left:
            self.jobs.append(job)
        return self.threads_left

    def scrape(self, key: object = "text", render: Any = None) -> Client | None:
        """A client that is let in; None for one that is not."""
        client = Client()
        taken = self.coalescer.scrape(key, render or self.render, client.respond)
        return client if taken else None

    def render(self) -> Response:
        self.renderings += 1
        return text_response(200, f"{self.renderings}")

    def run(self) -> None:
        while self.jobs:
            self.jobs.pop(0)()


def test_scrapes_of_one_kind_share_a_rendering() -> None:
    bench = Bench()
    clients = [bench.scrape() for _ in range(5)]
    others = [bench.scrape("openmetrics"), bench.scrape(("text", "name"))]
    assert len(bench.jobs) == 3
    bench.run()
    assert [client and client.body for client in clients] == [b"1\n"] * 5
    assert [client and client.body for client in others] == [b"2\n", b"3\n"]


def test_who_comes_after_a_rendering_has_begun_gets_the_next_one() -> None:
    bench = Bench()
    late: list[Client | None] = []

    def render() -> Response:
        if not late:
            late.extend(bench.scrape(render=render) for _ in range(3))
        return bench.render()

    first = bench.scrape(render=render)
    bench.run()
    assert first is not None
    assert first.body == b"1\n"
    assert [client and client.body for client in late] == [b"2\n"] * 3


def test_the_next_rendering_waits_for_the_one_that_runs() -> None:
    bench = Bench()
    inside, go_on = threading.Event(), threading.Event()

    def slow() -> Response:
        inside.set()
        assert go_on.wait(PATIENCE)
        return bench.render()

    first = bench.scrape(render=slow)
    runner = threading.Thread(target=bench.jobs.pop())
    runner.start()
    assert inside.wait(PATIENCE)
    second = bench.scrape()
    waiter = threading.Thread(target=bench.jobs.pop())
    waiter.start()
    # It still gathers: whoever comes now shares it.
    third = bench.scrape()
    assert bench.jobs == []
    go_on.set()
    for thread in (runner, waiter):
        thread.join(PATIENCE)
    assert [c and c.body for c in (first, second, third)] == [b"1\n", b"2\n", b"2\n"]


def test_a_rendering_that_hangs_holds_up_the_next_for_a_while_only() -> None:
    bench = Bench()
    inside, go_on = threading.Event(), threading.Event()

    def hang() -> Response:
        inside.set()
        assert go_on.wait(PATIENCE)
        return bench.render()

    first = bench.scrape(render=hang)
    runner = threading.Thread(target=bench.jobs.pop())
    runner.start()
    assert inside.wait(PATIENCE)
    bench.clock.advance(HANGS_AFTER)
    second = bench.scrape()
    bench.run()
    assert second is not None
    assert second.body == b"1\n"
    # The one that hung is over in the end, and does not disturb the later ones.
    go_on.set()
    runner.join(PATIENCE)
    assert first is not None
    assert first.body == b"2\n"
    third = bench.scrape()
    bench.run()
    assert third is not None
    assert third.body == b"3\n"


def test_there_is_room_for_so_many_scrapes() -> None:
    bench = Bench(max_scrapes=3)
    clients = [bench.scrape() for _ in range(3)]
    assert bench.scrape() is None
    bench.run()
    # They still take their responses.
    assert bench.scrape() is None
    first = clients[0]
    assert first is not None
    first.sent()
    assert bench.scrape() is not None
    assert bench.scrape() is None


def test_there_is_room_for_so_many_renderings() -> None:
    bench = Bench(max_renderings=2)
    pair = [bench.scrape("a"), bench.scrape("a")]
    assert bench.scrape("b") is not None
    assert bench.scrape("c") is None
    assert bench.scrape("b") is not None
    bench.run()
    # The text is in memory until the last one has it.
    for client in pair:
        assert bench.scrape("c") is None
        assert client is not None
        client.sent()
    assert bench.scrape("c") is not None


def test_without_a_thread_there_is_no_rendering() -> None:
    bench = Bench(max_scrapes=1, max_renderings=1)
    bench.threads_left = False
    assert bench.scrape() is None
    bench.threads_left = True
    client = bench.scrape()
    bench.run()
    assert client is not None
    assert client.body == b"1\n"


def test_a_rendering_that_fails_answers_everybody() -> None:
    bench = Bench()

    def fail() -> Response:
        raise SystemExit(3)

    clients = [bench.scrape(render=fail) for _ in range(2)]
    with pytest.raises(SystemExit):
        bench.run()
    for client in clients:
        assert client is not None
        assert client.responses[0].status == 500
    again = bench.scrape()
    bench.run()
    assert again is not None
    assert again.body == b"1\n"


class Sharing(RuleBasedStateMachine):
    """Nobody gets what was read before they asked, or more, or less, or what others asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench(max_scrapes=12, max_renderings=4)
        self.value = 0
        self.asked: list[tuple[Client, str, int]] = []

    @rule()
    def count(self) -> None:
        self.value += 1

    @rule(key=st.sampled_from("ab"))
    def scrape(self, key: str) -> None:
        client = self.bench.scrape(key, lambda: self.rendered(key))
        if client is not None:
            self.asked.append((client, key, self.value))

    @rule()
    def run(self) -> None:
        if self.bench.jobs:
            self.bench.jobs.pop(0)()

    @rule(data=st.data())
    def take(self, data: st.DataObject) -> None:
        answered = [one for one in self.asked if one[0].responses]
        if answered:
            one = data.draw(st.sampled_from(answered))
            self.asked.remove(one)
            one[0].sent()

    def rendered(self, key: str) -> Response:
        value = self.value
        # More comes while this is rendered.
        self.value += 1
        self.scrape(key)
        return text_response(200, f"{key} {value}")

    @invariant()
    def everybody_gets_what_they_asked_for(self) -> None:
        for client, key, value in self.asked:
            assert len(client.responses) <= 1
            if client.responses:
                got_key, got_value = client.body.split()
                assert got_key.decode() == key
                assert int(got_value) >= value

    @invariant()
    def counts_are_right(self) -> None:
        assert self.bench.coalescer._scrapes == len(self.asked) <= 12
        assert self.bench.coalescer._renderings <= 4

    def teardown(self) -> None:
        self.bench.run()
        for client, _, _ in self.asked:
            assert len(client.responses) == 1
            client.sent()
        assert self.bench.coalescer._scrapes == 0
        assert self.bench.coalescer._renderings == 0


TestSharing = Sharing.TestCase
