"""The worker pool, and jobs that hang or fail in it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from support.raw_clients import PATIENCE
from support.waiting import wait_until
from vitalspan.serve import worker_pool
from vitalspan.serve.worker_pool import WorkerPool


@pytest.fixture
def go_on() -> Iterator[threading.Event]:
    """Ends what hangs when the test ends."""
    event = threading.Event()
    yield event
    event.set()


def hang(pool: WorkerPool, go_on: threading.Event) -> None:
    """Have a thread that hangs, and return once it does."""
    inside = threading.Event()

    def job() -> None:
        inside.set()
        go_on.wait(PATIENCE)

    assert pool.submit(job)
    assert inside.wait(PATIENCE)


def test_a_job_that_hangs_holds_up_none(go_on: threading.Event) -> None:
    pool = WorkerPool(3)
    hang(pool, go_on)
    hang(pool, go_on)
    done = threading.Event()
    assert pool.submit(done.set)
    assert done.wait(PATIENCE)


def test_jobs_that_come_at_once_do_not_wait_for_the_first(go_on: threading.Event) -> None:
    pool = WorkerPool(8)
    barrier = threading.Barrier(6)

    def meet() -> None:
        barrier.wait(PATIENCE)

    assert all(pool.submit(meet) for _ in range(5))
    barrier.wait(PATIENCE)


def test_beyond_the_limit_jobs_wait(go_on: threading.Event) -> None:
    pool = WorkerPool(2)
    hang(pool, go_on)
    hang(pool, go_on)
    done = threading.Event()
    assert pool.submit(done.set)
    assert not done.is_set()
    assert pool._threads == 2
    go_on.set()
    assert done.wait(PATIENCE)


@pytest.mark.parametrize("error", [ValueError("broken"), SystemExit(1)])
def test_a_job_that_raises_is_logged_and_ends_no_thread(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    pool = WorkerPool(1)
    threads: list[threading.Thread] = []

    def fail() -> None:
        threads.append(threading.current_thread())
        raise error

    done = threading.Event()
    pool.submit(fail)
    pool.submit(done.set)
    assert done.wait(PATIENCE)
    (thread,) = threads
    assert thread.is_alive()
    assert thread.daemon
    assert "a job of the HTTP server failed" in caplog.text


def test_threads_without_jobs_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_pool, "IDLE_SECONDS", 0.001)
    pool = WorkerPool(2)
    done = threading.Event()
    pool.submit(done.set)
    assert done.wait(PATIENCE)
    assert wait_until(lambda: pool._threads == 0)
    again = threading.Event()
    pool.submit(again.set)
    assert again.wait(PATIENCE)


def test_closing_ends_threads_and_drops_jobs(go_on: threading.Event) -> None:
    pool = WorkerPool(1)
    hang(pool, go_on)
    dropped = threading.Event()
    pool.submit(dropped.set)
    pool.close()
    go_on.set()
    assert wait_until(lambda: pool._threads == 0)
    assert not dropped.is_set()


def test_a_system_without_threads(go_on: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    pool = WorkerPool(4)
    hang(pool, go_on)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        # The only thread hangs, so nobody would ever do the job.
        assert not pool.submit(lambda: None)
    done = threading.Event()
    assert pool.submit(done.set)
    assert done.wait(PATIENCE)
