"""The bounded queue behind deliveries and actions."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from vitalspan.runtime.worker_queue import WorkerQueue


def nothing() -> None: ...


def held_queue(capacity: int) -> tuple[WorkerQueue[int], threading.Event, list[int]]:
    """A queue whose thread waits with the first item, -1, in its hands."""
    release, taken, handled = threading.Event(), threading.Event(), []

    def handle(item: int) -> None:
        handled.append(item)
        taken.set()
        release.wait()

    queue = WorkerQueue("test-queue", capacity, handle, nothing)
    assert queue.put(-1) is None
    taken.wait()
    return queue, release, handled


@given(items=st.lists(st.integers(0, 5), max_size=20), capacity=st.integers(1, 5))
def test_it_is_bounded_and_keeps_the_order(items: list[int], capacity: int) -> None:
    queue, release, handled = held_queue(capacity)
    waiting: list[int] = []
    for item in items:
        left_out = queue.put(item, lambda old, new=item: old == new)
        assert left_out == (item if len(waiting) >= capacity else None)
        if len(waiting) < capacity:
            waiting.append(item)
        elif item in waiting:
            waiting.remove(item)
            waiting.append(item)
    assert len(queue) == len(waiting) <= capacity
    queue.close()
    release.set()
    assert queue.join(60)
    assert handled == [-1, *waiting]


def test_a_closed_queue_takes_nothing_and_its_thread_ends() -> None:
    finished = threading.Event()
    queue = WorkerQueue("test-queue", 2, print, finished.set)
    queue.close()
    assert queue.put(1) == 1
    assert queue.join(60)
    assert not finished.is_set()


def test_clear_drops_what_waits() -> None:
    queue, release, handled = held_queue(2)
    queue.put(1)
    queue.put(2)
    assert queue.clear() == 2
    queue.close()
    release.set()
    assert queue.join(60)
    assert handled == [-1]
