"""`/health` over loopback, a connection each, while a scrape of 1,000 operations runs in a loop.

The operations belong to 100 components, every operation is called once more in each scrape, and the
monitor ticks every second. The clients are processes of their own, so that they do not wait for the
interpreter lock of the server: `scrape` or `ask` and the port on their command lines.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector

import vitalspan as vs
from harness import arguments, emit, pin, seconds

OPERATIONS = 1000
COMPONENTS = 100
PROMETHEUS = {"Accept": "application/openmetrics-text;version=1.0.0", "Accept-Encoding": "gzip"}


class Calls(Collector):
    """Calls every operation once whenever the registry is asked."""

    def __init__(self, monitor: vs.Monitor) -> None:
        self.operations = [
            monitor.operation(f"operation_{n:05}", component=f"component_{n % COMPONENTS:03}")
            for n in range(OPERATIONS)
        ]

    def describe(self) -> list[Any]:
        return []

    def collect(self) -> list[Any]:
        for operation in self.operations:
            with operation:
                pass
        return []


def service() -> CollectorRegistry:
    """A registry with operations that have been looked at for a while."""
    registry = CollectorRegistry()
    monitor = vs.Monitor(registry=registry, max_series=2 * OPERATIONS, tick_interval=1.0)
    calls = Calls(monitor)
    registry.register(calls)
    for _ in range(3):
        for _ in range(20):
            calls.collect()
        monitor.tick()
    return registry


def scrape(port: int) -> None:
    """Scrape until this process is ended; print how much the first one read."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for number in itertools.count():
        connection.request("GET", "/metrics", headers=PROMETHEUS)
        read = len(connection.getresponse().read())
        if number == 0:
            print(read, flush=True)


def ask(port: int, times: int) -> None:
    """Print the milliseconds of one question after another."""

    def once() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        with contextlib.closing(connection):
            connection.request("GET", "/health", headers={"Connection": "close"})
            response = connection.getresponse()
            if response.status not in {200, 503} or b'"components"' not in response.read():
                raise SystemExit(f"not an answer: {response.status}")

    print(json.dumps([seconds(once) * 1e3 for _ in range(times)]))


@contextlib.contextmanager
def client(*words: object) -> Iterator[subprocess.Popen[str]]:
    """This module in a process of its own."""
    command = [sys.executable, "-m", "cases.probes", *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def figures(*, quick: bool) -> dict[str, Any]:
    """Ask while somebody scrapes."""
    registry = service()
    with (
        vs.start_http_server(0, registry=registry) as server,
        client("scrape", server.port) as scraping,
    ):
        if scraping.stdout is None or int(scraping.stdout.readline()) < OPERATIONS:
            raise SystemExit("not a scrape")
        with client("ask", server.port, 100 if quick else 1000) as asking:
            printed, _ = asking.communicate()
        if scraping.poll() is not None:
            raise SystemExit("the scrapes have ended")
    took = sorted(json.loads(printed))
    p99 = statistics.quantiles(took, n=100, method="inclusive")[98]
    detail = {"median": statistics.median(took), "worst": took[-1]}
    return {"probe": {"value": p99, "detail": detail}}


def main() -> None:
    """Measure, or be a client."""
    effort, words = arguments()
    if words[:1] == ["scrape"]:
        scrape(int(words[1]))
    elif words:
        ask(int(words[1]), int(words[2]))
    else:
        pin(2)
        emit(figures=figures(quick=effort.quick))


if __name__ == "__main__":
    main()
