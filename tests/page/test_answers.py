"""How long an answer is given again: looking takes a tenth of a CPU, however much is looked at."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from support.watched import Watched
from vitalspan.page import api
from vitalspan.page.documents.status import Status, status
from vitalspan.page.endpoints import ENDPOINTS, Endpoint
from vitalspan.page.parameters import RANGE


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The ranges of the documents that were made, each in 0.2 seconds of CPU time."""
    found: list[float] = []
    used = [0.0]

    def slow(monitor: Any, asked: dict[str, Any]) -> Status:
        found.append(asked["range"])
        used[0] += 0.2
        return status(monitor)

    monkeypatch.setitem(ENDPOINTS, "overview", Endpoint("overview", slow, Status, (RANGE,)))
    monkeypatch.setattr(api.time, "thread_time", lambda: used[0])
    return found


def test_an_answer_is_given_again_for_ten_times_as_long_as_it_took(made: list[float]) -> None:
    watched = Watched(health_model="off")
    for seconds in (0.0, 1.9, 0.2):
        watched.clock.advance(seconds)
        api.answer("overview", "range=60", watched.registry)
    assert made == [60.0, 60.0]


def test_several_answers_share_the_time(made: list[float]) -> None:
    watched = Watched(health_model="off")
    for _ in range(1000):
        watched.clock.advance(0.1)
        for seconds in (60, 300, 900, 3600):
            api.answer("overview", f"range={seconds}", watched.registry)
    # 100 seconds have a budget of 10, of which each takes 0.2.
    assert 40 <= len(made) <= 55
    assert {made.count(seconds) for seconds in made} <= {10, 11, 12, 13, 14}
    # What nobody asks for any more leaves its share to the others.
    made.clear()
    for _ in range(1000):
        watched.clock.advance(0.1)
        api.answer("overview", "range=60", watched.registry)
    assert 40 <= len(made) <= 55


def test_another_service_has_a_budget_of_its_own(made: list[float]) -> None:
    services = [Watched(health_model="off") for _ in range(3)]
    for watched in services:
        api.answer("overview", "range=60", watched.registry)
    for watched in services:
        watched.clock.advance(2.1)
        api.answer("overview", "range=60", watched.registry)
    assert len(made) == 6


def test_a_service_never_has_the_answers_of_an_earlier_one(made: list[float]) -> None:
    for _ in range(20):
        # Most of these have the `id` of the one before, and all of them the same time.
        watched = Watched(health_model="off")
        api.answer("overview", "range=60", watched.registry)
        watched.monitor.close()
        del watched
        gc.collect()
    assert len(made) == 20
