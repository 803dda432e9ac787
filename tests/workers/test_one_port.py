"""Workers that all start a server on one port: the first serves, and another one takes over."""

from __future__ import annotations

import errno
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import vitalspan as vs
from support.ports import free_port
from support.waiting import wait_until
from support.worker_processes import make_monitor, publish
from vitalspan.serve.metrics_server import MetricsServer
from vitalspan.serve.standby import StandbyServer
from vitalspan.serve.web_config import WebConfig
from vitalspan.workers.file_names import OURS
from vitalspan.workers.served_port import is_served, note_server

WORKER = """
import sys, time
import vitalspan as vs
from prometheus_client import CollectorRegistry
registry = CollectorRegistry()
monitor = vs.Monitor(
    registry=registry, workers=sys.argv[1], publish_interval=0.1, system_metrics=False
)
with monitor.operation("f"):
    pass
server = vs.start_http_server(int(sys.argv[2]), registry=registry)
print(server.port, flush=True)
time.sleep(60)
"""


def count(port: int) -> float:
    """Return how many calls a scrape of the port shows; 0 while nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
            lines = response.read().decode().splitlines()
    except (urllib.error.URLError, OSError):
        return 0.0
    return sum(
        float(line.split()[-1])
        for line in lines
        if line.startswith("operation_duration_seconds_count")
    )


@pytest.mark.once
def test_another_worker_takes_the_port_of_one_that_dies(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-c", WORKER, str(tmp_path / "shared"), str(port)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(3)]
    try:
        for process in processes:
            assert process.stdout is not None
            assert int(process.stdout.readline()) == port
        assert wait_until(lambda: count(port) == 3)
        for _ in range(2):
            for process in processes:
                # One of them serves; it does not matter which.
                process.kill()
                process.wait()
                assert process.stdout is not None
                process.stdout.close()
                processes.remove(process)
                break
            assert wait_until(lambda: count(port) == 3)
    finally:
        for process in processes:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


def test_a_standby_takes_a_port_that_becomes_free(tmp_path: Path) -> None:
    first, second = make_monitor(tmp_path), make_monitor(tmp_path)
    with first.operation("f"):
        pass
    publish(first)
    server = vs.start_http_server(0, registry=first.registry)
    standby = vs.start_http_server(server.port, registry=second.registry)
    assert standby.port == server.port
    assert standby.url == server.url
    assert not standby.serving  # type: ignore[attr-defined]
    server.close()
    wait_until(lambda: standby.serving)  # type: ignore[attr-defined]
    assert count(standby.port) == 1
    standby.close()
    assert count(standby.port) == 0
    for monitor in (first, second):
        monitor.close()


def test_a_standby_tries_again_without_room_for_a_thread(tmp_path: Path) -> None:
    monitor = make_monitor(tmp_path)
    failures = [RuntimeError("can't start new thread"), OSError(98, "Address already in use")]

    def listen() -> MetricsServer:
        if failures:
            raise failures.pop()
        return vs.start_http_server(0, registry=monitor.registry)

    standby = StandbyServer(
        listen,
        "127.0.0.1",
        1,
        WebConfig,
        is_served=lambda: True,
        wait=lambda event, _: event.is_set(),
    )
    wait_until(lambda: standby.serving)
    standby.close()
    monitor.close()


def test_a_standby_says_who_may_have_the_port(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    monitor = make_monitor(tmp_path)
    with socket.socket() as foreign:
        foreign.bind(("127.0.0.1", 0))
        foreign.listen()
        port = foreign.getsockname()[1]
        vs.start_http_server(port, registry=monitor.registry).close()
    [record] = [one for one in caplog.records if "is taken" in one.message]
    assert record.levelname == "INFO"
    assert f"port {port} is taken, by another worker of this service" in record.message
    assert "or by another program" in record.message
    monitor.close()


@pytest.mark.parametrize(
    ("served", "warnings"),
    [
        # Once for each program that has the port for longer than a moment.
        ([False] * 5, 1),
        ([True] * 5, 0),
        ([True, False, True, True], 0),
        ([False, False, True, False, False, False], 2),
    ],
)
def test_a_standby_warns_of_a_stranger_at_its_port(
    served: list[bool], warnings: int, caplog: pytest.LogCaptureFixture
) -> None:
    tried = threading.Event()

    def wait(event: threading.Event, _: float) -> bool:
        if not served:
            tried.set()
            event.wait()
        return event.is_set()

    def listen() -> MetricsServer:
        raise OSError(errno.EADDRINUSE, "Address already in use")

    standby = StandbyServer(
        listen, "127.0.0.1", 7, WebConfig, is_served=lambda: served.pop(0), wait=wait
    )
    assert tried.wait(60)
    standby.close()
    assert [one.levelname for one in caplog.records] == ["WARNING"] * warnings
    for message in caplog.messages:
        assert message.startswith("port 7 is taken by another program, not by a worker of this")


def test_a_worker_is_told_from_a_stranger_by_what_it_has_noted(tmp_path: Path) -> None:
    directory = tmp_path / "shared"
    monitor = make_monitor(directory)
    assert not is_served(directory, 7)
    with vs.start_http_server(0, registry=monitor.registry) as server:
        assert is_served(directory, server.port)
        assert not is_served(directory, 7)
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    noted = directory / f"http-{server.port}"
    assert OURS.fullmatch(noted.name)
    noted.write_text(f"{child.pid}\n")
    assert not is_served(directory, server.port)
    # Nobody is accused where it is not known who has the port.
    noted.write_text("nonsense")
    assert is_served(directory, server.port)
    monitor.close()


def test_a_worker_serves_where_nothing_can_be_noted(tmp_path: Path) -> None:
    directory = tmp_path / "file"
    directory.write_text("no directory")
    note_server(directory, 7)
    assert is_served(directory, 7)


def test_a_standby_can_be_closed_while_it_waits(tmp_path: Path) -> None:
    monitor = make_monitor(tmp_path)
    server = vs.start_http_server(0, registry=monitor.registry)
    with vs.start_http_server(server.port, registry=monitor.registry) as standby:
        assert not standby.serving  # type: ignore[attr-defined]
    server.close()
    assert not standby.serving  # type: ignore[attr-defined]
    monitor.close()


def test_a_process_by_itself_is_told_of_a_port_that_is_taken() -> None:
    monitor = make_monitor()
    server = vs.start_http_server(0, registry=monitor.registry)
    with pytest.raises(OSError, match="choose another port"):
        vs.start_http_server(server.port, registry=monitor.registry)
    server.close()
    monitor.close()
