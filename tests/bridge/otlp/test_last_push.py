"""The last push of processes that SIGTERM ends: plain programs, children, and servers."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.http_probe import get
from support.otlp_metrics import HANG, Answer, MetricsReceiver, run_http_metrics_receiver, texts
from support.paths import ROOT
from support.subprograms import run_program
from support.waiting import wait_until

# How programs end does not depend on the version of Python.
pytestmark = pytest.mark.once

DURATIONS = "operation_duration_seconds"


@pytest.fixture
def receiver() -> Iterator[MetricsReceiver]:
    with run_http_metrics_receiver() as running:
        yield running


def counts(receiver: MetricsReceiver) -> dict[str, int]:
    """The calls that each process has pushed last, by its instance."""
    found: dict[str, int] = {}
    for request in list(receiver.requests):
        about = request.resource_metrics[0]
        instance = texts(about.resource.attributes)["service.instance.id"]
        for scope in about.scope_metrics:
            for metric in scope.metrics:
                if metric.name == DURATIONS:
                    found[instance] = sum(point.count for point in metric.histogram.data_points)
    return found


TERMINATED = """
import signal, time
vs.configure(metrics="otlp")

@vs.operation
def work():
    pass

work()
"""


def run_terminated(program: str, receiver: MetricsReceiver, **variables: str) -> int:
    """Run a program that ends by a signal; return its exit status."""
    text = f"import os, sys\nimport vitalspan as vs\n{TERMINATED}{program}"
    ended = subprocess.run(
        [sys.executable, "-c", text],
        env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, **variables},
        timeout=60,
        check=False,
    )
    return ended.returncode


def test_sigterm_of_a_program_without_a_handler(receiver: MetricsReceiver) -> None:
    program = "os.kill(os.getpid(), signal.SIGTERM)\nwork()\ntime.sleep(60)"
    assert run_terminated(program, receiver) == -signal.SIGTERM
    assert sum(counts(receiver).values()) in (1, 2)


def test_a_program_that_has_a_lock_in_the_middle_of_its_end(receiver: MetricsReceiver) -> None:
    program = """
with vs.get_monitor().registry._lock:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.1)
time.sleep(60)
"""
    assert run_terminated(program, receiver) == -signal.SIGTERM
    assert sum(counts(receiver).values()) == 1


def test_a_receiver_that_hangs_keeps_nothing_from_ending(receiver: MetricsReceiver) -> None:
    receiver.answers.append(Answer(HANG))
    program = "os.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(60)"
    ended = run_terminated(program, receiver, OTEL_EXPORTER_OTLP_TIMEOUT="0.2")
    assert ended == -signal.SIGTERM


def test_a_collector_that_hangs_keeps_nothing_from_ending(receiver: MetricsReceiver) -> None:
    program = """
class Hanging:
    def collect(self):
        time.sleep(60)
        return []

    def describe(self):
        return []

vs.get_monitor().registry.register(Hanging())
"""
    variables = {"OTEL_EXPORTER_OTLP_TIMEOUT": "0.2"}
    signalled = f"{program}\nos.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(60)"
    began = time.monotonic()
    assert run_terminated(signalled, receiver, **variables) == -signal.SIGTERM
    assert run_terminated(program, receiver, **variables) == 0
    # Each would take a minute: the bound says which, and not how fast.
    assert time.monotonic() - began < 50


HANDLERS = {
    # One that ends as programs end.
    "exits": "",
    # A server that ends by the signal itself once it has shut down, which atexit does not see.
    "raises the signal again": "handler.__module__ = 'uvicorn.server'",
}


@pytest.mark.parametrize("how", HANDLERS)
def test_a_handler_of_the_programs_own_stays(receiver: MetricsReceiver, how: str) -> None:
    end = "os._exit(3)" if HANDLERS[how] else "sys.exit(3)"
    program = f"""
import os, signal, sys
import vitalspan as vs

def handler(*_):
    {end}

{HANDLERS[how]}
signal.signal(signal.SIGTERM, handler)
{TERMINATED}
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(60)
"""
    environ = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint}
    ended = subprocess.run([sys.executable, "-c", program], env=environ, timeout=60, check=False)
    assert ended.returncode == 3
    assert sum(counts(receiver).values()) == 1


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_child_of_multiprocessing(receiver: MetricsReceiver, method: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(
        f"""
import multiprocessing
import warnings
import vitalspan as vs

warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads
vs.configure(metrics="otlp")

@vs.operation
def work():
    pass

def in_child():
    work()
    work()

if __name__ == "__main__":
    work()
    child = multiprocessing.get_context("{method}").Process(target=in_child)
    child.start()
    child.join()
"""
    )
    subprocess.run(
        [sys.executable, str(tmp_path / "program.py")],
        env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint},
        timeout=60,
        check=True,
    )
    assert sorted(counts(receiver).values()) == [1, 2]


def test_workers_publish_as_well(receiver: MetricsReceiver, tmp_path: Path) -> None:
    program = "os.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(60)"
    variables = {"VITALSPAN_WORKERS": str(tmp_path), "VITALSPAN_PUBLISH_INTERVAL": "1000"}
    assert run_terminated(program, receiver, **variables) == -signal.SIGTERM
    assert sum(counts(receiver).values()) == 1
    seen = run_program(
        f"""
monitor = vs.Monitor(registry=CollectorRegistry(), workers={str(tmp_path)!r})
print(b'operation_duration_seconds_count' in monitor.generate_latest())
"""
    )
    assert seen == "True\n"


ASGI, WSGI = "support.asgi_workers_app:app", "support.gunicorn_app:app"
SERVERS = {
    "uvicorn": f"uvicorn {ASGI} --log-level error --port {{port}}",
    "uvicorn with workers": f"uvicorn {ASGI} --log-level error --workers 2 --port {{port}}",
    "gunicorn": f"gunicorn {WSGI} --threads 2 --preload --bind 127.0.0.1:{{port}}",
}


@pytest.mark.parametrize("arguments", SERVERS.values(), ids=SERVERS)
def test_servers_and_their_workers(
    receiver: MetricsReceiver, arguments: str, tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program, *options = arguments.format(port=port).split()
    environ = {
        **os.environ,
        "VITALSPAN_METRICS": "otlp",
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
        "PYTHONPATH": os.pathsep.join([str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")]),
    }
    command = [sys.executable, "-m", program, *options]
    process = subprocess.Popen(command, env=environ, cwd=tmp_path)
    try:
        wait_until(lambda: get(port, "/work"), 60)
        answered = 1 + sum(bool(get(port, "/work")) for _ in range(20))
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    finally:
        process.kill()
        process.wait()
    assert sum(counts(receiver).values()) == answered
