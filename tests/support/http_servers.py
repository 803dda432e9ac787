"""Servers as separate programs, and the metrics of their application."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from prometheus_client.parser import text_string_to_metric_families

from support.paths import ROOT
from support.ports import free_port
from support.uvicorn_server import PATIENCE, ask
from support.waiting import wait_until

_APP: Final = "support.asgi_servers_app:app"

ASGI_SERVERS: Final[dict[str, tuple[str, ...]]] = {
    "uvicorn": (_APP, "--port", "{port}", "--log-level", "critical", "--ws", "websockets-sansio"),
    "granian": (_APP, "--port", "{port}", "--log-level", "critical", "--interface", "asgi"),
    "hypercorn": (_APP, "--bind", "127.0.0.1:{port}", "--log-level", "critical"),
    "gunicorn": (
        *(_APP, "--bind", "127.0.0.1:{port}", "--log-level", "critical"),
        *("--worker-class", "asgi", "--asgi-disconnect-grace-period", "0"),
    ),
}
"""The command of each server; the text after a dot distinguishes servers of one program."""

_WSGI_APP: Final = "support.wsgi_servers_app:app"

WSGI_SERVERS: Final[dict[str, tuple[str, ...]]] = {
    "gunicorn.sync": (_WSGI_APP, "--bind", "127.0.0.1:{port}", "--log-level", "critical"),
    "gunicorn.gthread": (
        *(_WSGI_APP, "--bind", "127.0.0.1:{port}", "--log-level", "critical"),
        *("--worker-class", "gthread", "--threads", "4"),
    ),
    "granian.wsgi": (
        *(_WSGI_APP, "--port", "{port}", "--log-level", "critical", "--interface", "wsgi"),
    ),
}
"""The same for WSGI."""


class ServedShop:
    """A shop that a server serves.

    Args:
        server: the name of the server.
        port: the port that it listens on.
    """

    def __init__(self, server: str, port: int) -> None:
        self.server = server
        self.port = port

    def requests(self) -> tuple[Counter[str], float]:
        """Return the number of calls that have ended with each result, and of those in progress."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics") as response:
            text = response.read().decode()
        ended: Counter[str] = Counter()
        in_progress = 0.0
        for family in text_string_to_metric_families(text):
            for name, labels, value, *_ in family.samples:
                call = f"{labels.get('operation')} {labels.get('status', '')}".strip()
                if name == "operation_duration_seconds_count":
                    ended[call] += int(value)
                elif name == "operation_errors_total":
                    ended[call] -= int(value)
                    ended[f"{call} {labels['error_type']}"] += int(value)
                elif name == "operation_cancellations_total":
                    ended[call] -= int(value)
                    ended[f"{call} cancelled"] += int(value)
                elif name == "operation_in_progress":
                    in_progress += value
        return ended, in_progress

    def expect(self, action: Callable[[], Any], *calls: str) -> None:
        """Run an action, and wait for exactly these calls, with none left in progress."""
        before, _ = self.requests()
        action()
        expected = Counter(calls)
        seen: Any = None

        def all_ended() -> bool:
            nonlocal seen
            after, in_progress = self.requests()
            seen = dict(after - before), in_progress
            return seen == (dict(expected), 0)

        try:
            wait_until(all_ended)
        except AssertionError:
            assert seen == (dict(expected), 0)
            raise


@contextmanager
def running_server(name: str) -> Iterator[ServedShop]:
    """Serve the shop with a separate program until the end."""
    port = free_port()
    arguments = [one.format(port=port) for one in {**ASGI_SERVERS, **WSGI_SERVERS}[name]]
    environ = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")]),
        "VITALSPAN_SYSTEM_METRICS": "false",
    }
    with subprocess.Popen(
        [sys.executable, "-m", name.partition(".")[0], *arguments], env=environ
    ) as process:
        try:
            wait_until(lambda: process.poll() is not None or _answers(port))
            assert process.poll() is None, "it did not start"
            yield ServedShop(name, port)
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            finally:
                process.kill()


def _answers(port: int) -> bool:
    try:
        return ask(port, "GET", "/metrics/-/live") == 200
    except OSError:
        return False
