"""Work that gives way has a pause after each millisecond, and other work has none."""

from __future__ import annotations

import threading

import pytest

from vitalspan.runtime import pace
from vitalspan.runtime.pace import giving_way, pause_if_due


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time of each pause, on a clock that goes on by 0.4 ms whenever it is read."""
    found: list[float] = []
    now = [0.0]

    def read() -> float:
        now[0] += 0.0004
        return now[0]

    monkeypatch.setattr(pace.time, "perf_counter", read)
    monkeypatch.setattr(pace.time, "sleep", lambda _: found.append(now[0]))
    return found


def test_work_gives_way_within_and_not_outside(pauses: list[float]) -> None:
    pause_if_due()
    assert not pauses
    with giving_way():
        for _ in range(10):
            pause_if_due()
    count = len(pauses)
    assert 3 <= count <= 5
    pause_if_due()
    assert len(pauses) == count


def test_another_thread_does_not_give_way(pauses: list[float]) -> None:
    with giving_way():
        thread = threading.Thread(target=pause_if_due)
        thread.start()
        thread.join()
    assert not pauses
