"""Look-ups in caches and calls to APIs, by session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import Thread

import pytest

import vitalspan as vs
from vitalspan.sessions.session import Session


def test_a_session_has_the_caches_and_apis_of_what_runs_in_it(monitor: vs.Monitor) -> None:
    prices, bank = monitor.cache("prices", component="till"), monitor.api("bank")
    prices.hit()
    bank.record(tokens=100, cost=1.0)
    with monitor.session("outer") as outer:
        prices.hit()
        with monitor.session("inner") as inner:
            prices.miss()
            bank.record(tokens=3, cost=0.5)
            bank.record(error="declined")
        prices.hit()
        (cache,) = outer.statistics().calls.caches
        assert (cache.component, cache.name, cache.hits, cache.misses) == ("till", "prices", 2, 1)
        assert cache.hit_rate == pytest.approx(2 / 3)
    prices.hit()
    (cache,), (api,) = inner.statistics().calls.caches, inner.statistics().calls.apis
    assert (cache.hits, cache.misses) == (0, 1)
    assert (api.calls, api.errors, api.tokens, api.cost, api.error_rate) == (2, 1, 3, 0.5, 0.5)
    (api,) = outer.statistics().calls.apis
    assert (api.calls, api.tokens) == (2, 3)
    document = outer.statistics().to_dict()["calls"]
    assert document["caches"][0]["hits"] == 2
    assert document["apis"][0]["cost"] == 0.5
    # The monitor has all of it, as before.
    assert monitor.statistics().caches[0].hits == 4
    assert monitor.statistics().apis[0].tokens == 103


def test_tasks_are_told_apart_exactly(monitor: vs.Monitor) -> None:
    cache, api = monitor.cache("c"), monitor.api("a")

    async def work(number: int) -> Session:
        with monitor.session(f"s{number}") as session:
            for _ in range(number):
                cache.hit()
                await asyncio.sleep(0)
                api.record(tokens=number)
        return session

    async def main() -> list[Session]:
        return await asyncio.gather(*(work(number) for number in range(1, 100)))

    sessions = asyncio.run(main())
    for number, session in enumerate(sessions, 1):
        (cached,), (called,) = session.statistics().calls.caches, session.statistics().calls.apis
        assert (cached.hits, called.calls, called.tokens) == (number, number, number * number)


def test_threads_without_a_session_count_in_none_but_that_of_the_application(
    monitor: vs.Monitor,
) -> None:
    cache = monitor.cache("c")

    def hit() -> None:
        thread = Thread(target=cache.hit)
        thread.start()
        thread.join()

    with monitor.session("own") as own:
        hit()
        cache.miss()
    assert [(one.hits, one.misses) for one in own.statistics().calls.caches] == [(0, 1)]
    with monitor.sessions.session("all", application=True) as every:
        hit()
        with monitor.session("one"):
            cache.miss()
    assert [(one.hits, one.misses) for one in every.statistics().calls.caches] == [(1, 1)]


def test_a_fault_of_a_session_reaches_nobody(
    monitor: vs.Monitor, sample: Callable[..., float], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a bug")

    with monitor.session("s"):
        monkeypatch.setattr(Session, "add_amount", fail)
        monitor.cache("c").hit()
        monitor.api("a").record()
    assert monitor.statistics().caches[0].hits == 1
    assert sample("vitalspan_internal_errors_total", where="session") == 2


def test_a_session_tells_the_models_of_an_api_apart(monitor: vs.Monitor) -> None:
    monitor.prices.set("large", input=10.0, output=20.0)
    api = monitor.api("openai", component="search")
    with monitor.session("outer") as outer, monitor.session("inner") as inner:
        api.record(
            model="large", input_tokens=1e6, output_tokens=5e5, cached_tokens=10, reasoning_tokens=4
        )
        with api.call(model="small") as call:
            call.use(input_tokens=7, cost=0.25)
            call.retry()
        api.record(model="small", error="overloaded")
    for session in (outer, inner):
        (found,) = session.statistics().calls.apis
        assert (found.calls, found.errors, found.cost) == (3, 1, pytest.approx(20.25))
        large, small = found.models
        assert (large.model, large.calls, large.tokens) == ("large", 1, 1.5e6)
        kinds = (
            large.input_tokens,
            large.output_tokens,
            large.cached_tokens,
            large.reasoning_tokens,
        )
        assert kinds == (1e6, 5e5, 10, 4)
        assert (small.calls, small.errors, small.retries, small.cost) == (2, 1, 1, 0.25)
    text = monitor.report(session=inner).text()
    assert "input tokens" in text
    assert "large" in text
    document = inner.statistics().to_dict()["calls"]["apis"][0]["models"]
    assert [one["model"] for one in document] == ["large", "small"]


def test_models_beyond_a_hundred_are_counted_together(monitor: vs.Monitor) -> None:
    api = monitor.api("openai")
    with monitor.session("s") as session:
        for number in range(150):
            api.record(model=f"m{number}", tokens=1)
    (found,) = session.statistics().calls.apis
    by_name = {one.model: one.calls for one in found.models}
    assert (len(by_name), by_name["_overflow"], sum(by_name.values())) == (101, 50, 150)
