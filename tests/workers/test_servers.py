"""Servers and task queues whose processes are workers, by a variable alone."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from support.paths import ROOT
from support.waiting import wait_until
from support.worker_processes import exposition, make_monitor

COUNT = 'operation_duration_seconds_count{component="default",operation="work"}'


def environment(directory: Path, **more: str) -> dict[str, str]:
    return {
        **os.environ,
        "VITALSPAN_WORKERS": str(directory),
        "VITALSPAN_PUBLISH_INTERVAL": "0.2",
        "PYTHONPATH": os.pathsep.join([str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")]),
        **more,
    }


def total(directory: Path) -> float:
    """Return how many calls the processes of a directory have published, dead ones included."""
    monitor = make_monitor(directory)
    try:
        return exposition(monitor).get(COUNT, 0.0)
    finally:
        monitor.close()


def get(port: int, path: str) -> bytes:
    """Return a body; empty if there is no response."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return b""
    finally:
        connection.close()


@pytest.mark.once
def test_uvicorn_with_several_workers(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    directory = tmp_path / "shared"
    command = [
        *(sys.executable, "-m", "uvicorn", "support.asgi_workers_app:app", "--workers", "2"),
        *("--port", str(port), "--log-level", "error"),
    ]
    process = subprocess.Popen(command, env=environment(directory))
    try:
        wait_until(lambda: get(port, "/metrics"), 120)
        for _ in range(100):
            assert get(port, "/work") == b"done"
        assert wait_until(lambda: f"{COUNT} 100".encode() in get(port, "/metrics"))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    assert total(directory) == 100


@pytest.mark.once
def test_celery_with_a_pool_of_processes(tmp_path: Path) -> None:
    directory, broker = tmp_path / "shared", tmp_path / "broker"
    broker.mkdir()
    environ = environment(directory, CELERY_DIRECTORY=str(broker))
    send = "from support.celery_tasks import work\nfor number in range(30): work.delay(number)"
    subprocess.run([sys.executable, "-c", send], env=environ, check=True, timeout=120)
    assert total(directory) == 0
    command = [
        *(sys.executable, "-m", "celery", "-A", "support.celery_tasks", "worker"),
        *("--pool", "prefork", "--concurrency", "2", "--max-tasks-per-child", "7"),
        *("--loglevel", "ERROR", "--without-gossip", "--without-mingle"),
    ]
    process = subprocess.Popen(command, env=environ, cwd=tmp_path, stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: len(list(broker.glob("done-*"))) == 30, 120)
        assert wait_until(lambda: total(directory) == 30)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    assert total(directory) == 30
