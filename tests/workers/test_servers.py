"""Servers and task queues whose processes are workers, by a variable alone."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.http_probe import get
from support.paths import ROOT
from support.waiting import wait_until
from support.worker_processes import exposition, make_monitor
from vitalspan.workers.directory import WorkersDirectory
from vitalspan.workers.workers import WorkerInfo, members_of

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


UWSGI = "pyuwsgi --master --enable-threads --need-app --die-on-term --disable-logging --module"
ASGI, WSGI = "support.asgi_workers_app:app", "support.gunicorn_app:app"
TWO = "--workers 2 --log-level error"
SERVERS = {
    "uvicorn": f"python -m uvicorn {ASGI} {TWO} --port {{port}}",
    "hypercorn": f"python -m hypercorn {ASGI} {TWO} --bind 127.0.0.1:{{port}}",
    "granian": f"python -m granian {ASGI} {TWO} --interface asgi --port {{port}}",
    "granian with WSGI": f"python -m granian {WSGI} {TWO} --interface wsgi --port {{port}}",
    "uWSGI": f"{UWSGI} {WSGI} --processes 2 --http 127.0.0.1:{{port}}",
    "uWSGI with lazy-apps": f"{UWSGI} {WSGI} --processes 2 --lazy-apps --http 127.0.0.1:{{port}}",
}


def end(process: subprocess.Popen[Any]) -> None:
    """End a server as a service manager does."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(60)
    finally:
        process.kill()
        process.wait()


def members(directory: Path) -> list[WorkerInfo]:
    """Return the living processes of a directory."""
    state = WorkersDirectory(directory, lambda *_: None, lambda: 0.0).read()
    return [one for one in members_of(state) if one.living]


@pytest.mark.once
@pytest.mark.parametrize("arguments", SERVERS.values(), ids=SERVERS)
def test_a_server_with_several_workers(arguments: str, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    directory = tmp_path / "shared"
    program, *options = arguments.format(port=port).split()
    # Its command stands beside that of Python.
    path = Path(sys.executable).with_name(program)
    if not path.exists():
        pytest.skip(f"{program} is not installed beside Python; it is on Linux on x86-64")
    command = [str(path), *options]
    process = subprocess.Popen(command, env=environment(directory))
    try:
        wait_until(lambda: get(port, "/metrics"), 120)
        answered = 0

        def both_have_worked() -> bool:
            nonlocal answered
            answered += bool(get(port, "/work"))
            return answered >= 100 and len(members(directory)) == 2

        # One that is still starting may miss the signal to end.
        wait_until(both_have_worked, 120)
        assert wait_until(lambda: f"{COUNT} {answered}".encode() in get(port, "/metrics"))
    finally:
        end(process)
    assert total(directory) == answered


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
        end(process)
    assert total(directory) == 30
