"""A process that ends in order leaves all of its calls in the store."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

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


def test_a_tick_that_fails_at_the_end_is_logged(caplog):
    monitor = vs.Monitor(system_metrics=False)
    ticker = monitor.evaluation.ticker
    ticker._tick = lambda: 1 / 0
    ticker.tick()
    ticker.tick()
    monitor.close()
    assert [record.message for record in caplog.records] == ["a tick failed"]
