"""Processes that are killed while they write: at most one tick is lost, and never the file."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest

from support.long_runs import LONG
from support.stored import WALL, reader_of, sqlite_url

KILLS = 200 if LONG else 10

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL"),
]

PROGRAM = """
import sys
sys.path[:0] = {path!r}
from support.stored import service, call
clock, monitor = service({url!r}, wall={wall}, start=1.0)
monitor.rules.add(alert="Often", signal="rate", window="1m", above=0.01)
ticks = 0
while True:
    for operation in range(20):
        call(monitor, clock, [0.01] * 3, operation=f"operation {{operation}}")
    clock.advance(5 - 0.6)
    # What has been said may be lost by one tick at most.
    sys.stdout.write(f"{{ticks}}\\n")
    sys.stdout.flush()
    monitor.tick()
    ticks += 1
"""


def test_at_most_one_tick_is_lost(tmp_path):
    url, wall, stored = sqlite_url(tmp_path), WALL, 0
    for kill in range(KILLS):
        program = PROGRAM.format(path=sys.path, url=url, wall=wall)
        ticked = ticks_until_killed(program, 1 + kill % 7)
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        end = wall + 5 * (ticked + 2)
        period = reader_of(url).period(WALL, end, end)
        calls = sum(one.count for one in period.series)
        # Those of the last tick that was announced may be stored, and those before are.
        assert stored + 60 * ticked <= calls <= stored + 60 * (ticked + 1)
        assert {one.count % 3 for one in period.series} == {0}
        stored, wall = calls, end + 5


def ticks_until_killed(program: str, ticks: int) -> int:
    """Run a program that announces its ticks, kill it in one of them, and return how many ended."""
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, env={**os.environ}
    )
    try:
        for _ in range(ticks + 1):
            assert process.stdout.readline()
        process.kill()
        rest = process.stdout.read().splitlines()
        return ticks + len(rest)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_full_disk_and_back(tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    mount = (
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)],
            capture_output=True,
            text=True,
            check=False,
        )
        if hasattr(os, "geteuid")
        else None
    )
    if mount is None or mount.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mount and mount.stderr.strip()}")
    try:
        fill_and_free(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill_and_free(folder: Path) -> None:
    from support.stored import call, service

    url = sqlite_url(folder)
    clock, monitor = service(url)

    def step(times):
        for _ in range(times):
            for operation in range(40):
                call(monitor, clock, [0.01], operation=f"operation {operation}")
            clock.advance(4.6)
            monitor.tick()

    step(5)
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"x" * 4096):
            pass
    step(100)
    status = monitor.evaluation.persistence.status
    assert status.writes["failed"] > 0
    assert "full" in status.fault
    assert monitor.statistics().count == 105 * 40
    filler.unlink()
    step(40)
    assert status.fault == ""
    assert status.unwritten == 0
    monitor.close()
    period = reader_of(url).period(WALL, clock.wall(), clock.wall())
    assert sum(one.count for one in period.series) == 145 * 40
