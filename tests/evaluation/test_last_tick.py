"""A process that ends in order leaves all of its calls in the store."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import pytest
from prometheus_client import CollectorRegistry

import vitalspan as vs
from support.stored import sqlite_url
from vitalspan.store.open_store import open_store
from vitalspan.store.reader import StoreReader
from vitalspan.store.tiers import DEFAULT_TIERS, parse_tiers

PROGRAM = """
    import multiprocessing
    import os
    import signal
    import sys

    import vitalspan as vs


    @vs.operation
    def work(): ...


    def child():
        vs.configure(store=sys.argv[1])
        work()


    if __name__ == "__main__":
        {lines}
"""

ENDS = {
    "exit": ["child()"],
    "an exception": ["child()", "raise SystemExit(3)"],
    "close": ["child()", "vs.get_monitor().close()"],
    "SIGTERM": ["child()", "os.kill(os.getpid(), signal.SIGTERM)", "signal.pause()"],
    "a child": [
        "multiprocessing.set_start_method('spawn')",
        "process = multiprocessing.Process(target=child)",
        "process.start()",
        "process.join()",
    ],
}

STATUS = {"an exception": 3, "SIGTERM": -signal.SIGTERM}


def stored_calls(url):
    reader = StoreReader(open_store(url, read_only=True), parse_tiers(DEFAULT_TIERS))
    now = vs.SystemClock().wall()
    calls = {
        one.series.labels["operation"]: one.count
        for one in reader.period(now - 600, now + 60, now).series
    }
    reader.close()
    return calls


@pytest.mark.parametrize("workers", [False, True])
@pytest.mark.parametrize("end", ENDS)
def test_calls_since_the_last_tick_are_stored(tmp_path, monkeypatch, end, workers):
    """The program ends long before its first tick."""
    url = sqlite_url(tmp_path)
    if workers:
        monkeypatch.setenv("VITALSPAN_WORKERS", str(tmp_path / "workers"))
    for name in [name for name in os.environ if name.startswith("COVERAGE_")]:
        # The handler of SIGTERM by which coverage saves its data would be the program's own.
        monkeypatch.delenv(name)
    program = tmp_path / "program.py"
    program.write_text(
        "\n".join(line[4:] for line in PROGRAM.splitlines()).format(lines="\n    ".join(ENDS[end]))
    )
    ended = subprocess.run(
        [sys.executable, "-W", "error", str(program), url],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ended.returncode, ended.stderr) == (STATUS.get(end, 0), "")
    assert stored_calls(url) == {"work": 1}


HANGING = """
    import sys
    import threading

    from vitalspan.runtime import last_tick

    last_tick.PATIENCE = 0.2


    class Hanging:
        hangs = False

        def collect(self):
            if self.hangs:
                threading.Event().wait()
            return []

        def describe(self):
            return []


    hanging = Hanging()
    vs.configure(store=sys.argv[1]).registry.register(hanging)
    vs.get_monitor().rules.add(alert="Queue", series="queue_jobs", aggregate="max", above=1)
    hanging.hangs = True
"""


@pytest.mark.parametrize("end", ["exit", "close", "SIGTERM"])
def test_a_collector_that_hangs_keeps_no_process_from_ending(tmp_path, end):
    url = sqlite_url(tmp_path)
    lines = textwrap.dedent(HANGING).splitlines() + [
        line for line in ENDS[end] if not line.startswith("child")
    ]
    program = "\n".join(["import os, signal", "import vitalspan as vs", *lines])
    environ = {name: value for name, value in os.environ.items() if "COVERAGE_" not in name}
    ended = subprocess.run(
        [sys.executable, "-c", program, url],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env=environ,
    )
    assert ended.returncode == STATUS.get(end, 0)
    assert ended.stderr == (
        "the last tick takes longer than 0.2 s, so the last calls may not be stored\n"
    )


def test_a_tick_that_fails_at_the_end_is_logged(caplog):
    monitor = vs.Monitor(registry=CollectorRegistry(), system_metrics=False)
    ticker = monitor.evaluation.ticker
    ticker._tick = lambda: 1 / 0
    ticker.tick()
    ticker.tick()
    monitor.close()
    assert [record.message for record in caplog.records] == ["a tick failed"]
