"""gunicorn with workers that are recycled and killed all the time, under load."""

from __future__ import annotations

import http.client
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from support.long_runs import LONG
from support.paths import ROOT
from support.waiting import wait_until
from vitalspan.workers.state_file import SUFFIX, PublishedState, UnreadableError, read_state

KILLS = 1000 if LONG else 25
"""How many workers are killed."""

INTERVAL = 0.2


class Kill(NamedTuple):
    """A worker that was killed.

    Attributes:
        pid: its process id.
        at: when it was killed, on the steady clock in seconds.
        counted: the time until which it had published every call.
    """

    pid: int
    at: float
    counted: float


def kill(directory: Path, pid: int) -> Kill | None:
    """Kill a worker; return None for one that has ended already."""
    counted = counted_until(directory, pid)
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return None
    at = time.perf_counter()
    # It may have published in between, and another one may have archived it since.
    wait_until(lambda: not is_living(directory, pid))
    return Kill(pid, at, max(counted, counted_until(directory, pid)))


def states(directory: Path, pid: int) -> Iterator[PublishedState]:
    """Yield what a process has published."""
    for path in directory.glob(f"*{SUFFIX}"):
        with suppress(OSError, UnreadableError):
            state = read_state(path)
            if state is not None and state.header.pid == pid:
                yield state


def counted_until(directory: Path, pid: int) -> float:
    """Return the time until which a process has published every call."""
    return max((state.commit.counted for state in states(directory, pid)), default=0.0)


def is_living(directory: Path, pid: int) -> bool:
    """Return whether a process holds its file."""
    return any(state.living for state in states(directory, pid))


class Gunicorn:
    """A gunicorn with eight workers, and clients that count what it answers."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.directory = directory
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [
            *(sys.executable, "-m", "gunicorn", "support.gunicorn_app:app"),
            *("--bind", f"127.0.0.1:{self.port}", "--log-level", "critical"),
            *("--workers", "8", *options),
        ]
        environ = {
            **os.environ,
            "VITALSPAN_WORKERS": str(directory),
            "VITALSPAN_PUBLISH_INTERVAL": str(INTERVAL),
            "VITALSPAN_SYSTEM_METRICS": "false",
            # For a socket of gunicorn's own.
            "HOME": str(directory.parent),
            "PYTHONPATH": os.pathsep.join([str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")]),
        }
        self.process = subprocess.Popen(command, env=environ)
        self.answered: defaultdict[int, list[float]] = defaultdict(list)
        self.failed = 0

    def get(self, path: str) -> bytes | None:
        """Return the body of a response; None if there was none."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
            return body if response.status == 200 else None
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def work(self, calls: int) -> None:
        """Make calls, and count those that were answered."""
        for _ in range(calls):
            body = self.get("/work")
            if body is None:
                self.failed += 1
            else:
                self.answered[int(body)].append(time.perf_counter())

    def total(self) -> int:
        """Return how many calls a scrape shows."""
        body = wait_until(lambda: self.get("/metrics"))
        name = b'operation_duration_seconds_count{component="default",operation="work"}'
        return sum(int(line.split()[-1]) for line in body.splitlines() if line.startswith(name))

    def counted(self) -> int:
        """Return how many calls were answered."""
        return sum(map(len, self.answered.values()))

    def workers(self) -> list[int]:
        """Return the process ids of the workers."""
        return [child.pid for child in psutil.Process(self.process.pid).children()]

    def close(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(30)


@pytest.fixture
def gunicorn(tmp_path: Path) -> Iterator[Gunicorn]:
    # Forks are quicker than imports, and a supervisor that imports is no worker.
    options = ["--preload", "--max-requests", "60", "--max-requests-jitter", "40"]
    running = Gunicorn(tmp_path / "shared", *options)
    try:
        wait_until(lambda: running.get("/metrics"), 120)
        yield running
    finally:
        running.close()


@pytest.mark.once
def test_the_sum_never_falls_and_loses_only_the_youngest_calls(gunicorn: Gunicorn) -> None:
    done = threading.Event()
    totals: list[int] = []

    def load() -> None:
        while not done.is_set():
            gunicorn.work(20)

    def scrape() -> None:
        while not done.is_set():
            totals.append(gunicorn.total())
            time.sleep(0.05)

    threads = [threading.Thread(target=target) for target in (load, load, load, scrape)]
    for thread in threads:
        thread.start()
    killed: list[Kill] = []
    randomly = random.Random(13)
    try:
        while len(killed) < KILLS:
            time.sleep(0.1)
            one = kill(gunicorn.directory, randomly.choice(wait_until(gunicorn.workers)))
            if one is not None:
                killed.append(one)
    finally:
        done.set()
        for thread in threads:
            thread.join()
    # What the living have counted last is published after the interval.
    time.sleep(5 * INTERVAL)
    total = gunicorn.total()
    # A call that was answered before its worker began to publish for the last time is not lost,
    # however late a busy machine lets it publish.
    young = [
        one.at - answered
        for one in killed
        for answered in gunicorn.answered.get(one.pid, [])
        if answered > one.counted
    ]
    counted = gunicorn.counted()
    sys.stdout.write(
        f"{len(killed)} kills, {len(totals)} scrapes: {counted} calls were answered and "
        f"{gunicorn.failed} were not; the sum is {total}, {counted - total} less, and {len(young)} "
        "calls were answered after the last publication of a worker that was killed, "
        f"{max(young, default=0.0):.2f} s before its end at most\n"
    )
    assert len(totals) > 10
    assert totals == sorted(totals)
    assert counted - len(young) <= total <= counted + gunicorn.failed
    assert counted > len(killed)


@pytest.mark.once
def test_a_master_that_preloads_is_no_worker(tmp_path: Path) -> None:
    gunicorn = Gunicorn(tmp_path / "shared", "--preload", "--threads", "2")
    try:
        wait_until(lambda: gunicorn.get("/metrics"), 120)
        gunicorn.work(200)
        assert wait_until(lambda: gunicorn.total() == 200)
        paths = (Path(one.path) for one in psutil.Process(gunicorn.process.pid).open_files())
        assert not [path for path in paths if path.parent.name == "shared"]
        # A graceful restart of all workers loses nothing.
        before = set(gunicorn.workers())
        gunicorn.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(gunicorn.workers()) == 8 and not before & set(gunicorn.workers()))
        assert gunicorn.total() == 200
    finally:
        gunicorn.close()
