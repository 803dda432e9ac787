"""Real processes and a real Alertmanager, while the process that evaluates is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.alertmanager_server import run_alertmanager
from support.waiting import wait_until
from support.webhook_sink import run_sink

WORKER = """
import sys, time
import vitalspan as vs
from prometheus_client import CollectorRegistry

directory, alertmanager = sys.argv[1:]
monitor = vs.Monitor(
    registry=CollectorRegistry(),
    system_metrics=False,
    workers=directory,
    publish_interval=0.1,
    tick_interval=0.2,
    alertmanager=alertmanager,
)
monitor.rules.add(
    alert="Failing", signal="error_ratio", window=60, above=0.5, for_=3, min_count=20
)
monitor.start()
end = time.monotonic() + 120
while time.monotonic() < end:
    try:
        with monitor.operation("f"):
            raise ValueError
    except ValueError:
        time.sleep(0.02)
"""


@pytest.mark.once
def test_alertmanager_sees_neither_a_gap_nor_an_end(tmp_path: Path) -> None:
    directory = tmp_path / "shared"
    processes: list[subprocess.Popen[bytes]] = []

    def start(url: str) -> None:
        command = [sys.executable, "-c", WORKER, str(directory), url]
        processes.append(subprocess.Popen(command))

    def leader() -> int:
        """The process that evaluates, once there is one that lives."""
        living = {process.pid for process in processes if process.poll() is None}
        content = (directory / "leader").read_text() if (directory / "leader").exists() else ""
        return int(content) if content.strip() and int(content) in living else 0

    def kill_leader() -> None:
        pid = wait_until(leader)
        os.kill(pid, signal.SIGKILL)
        next(one for one in processes if one.pid == pid).wait()
        assert wait_until(leader) != pid

    with run_sink() as sink, run_alertmanager(tmp_path, sink.url) as alertmanager:
        try:
            for _ in range(4):
                start(alertmanager.url)
            wait_until(leader)
            # The alert is pending now, or about to be.
            time.sleep(1.0)
            assert alertmanager.alerts() == []
            kill_leader()
            [first] = wait_until(alertmanager.alerts)
            assert first["labels"]["instance"].endswith(str(directory))
            for _ in range(2):
                kill_leader()
                for _ in range(15):
                    [alert] = alertmanager.alerts()
                    assert alert["startsAt"] == first["startsAt"]
                    assert alert["fingerprint"] == first["fingerprint"]
                    assert alert["status"]["state"] == "active"
                    time.sleep(0.1)
            assert [one["status"] for one in [posted.document for posted in sink.posted]] == [
                "firing"
            ]
        finally:
            for process in processes:
                process.kill()
                process.wait()
