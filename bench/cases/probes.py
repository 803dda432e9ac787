"""Scrapes in a loop and silent connections: their effects on a server's response times.

`health` asks for `/health`, a connection each, while a scrape of 1,000 operations runs in a loop.
`silent` scrapes, with and without 1,000 connections that send nothing and are renewed all the time,
and with as many connections to another, trivial server: what these take of the machine is not ours.

The operations belong to 100 components, every operation is called once more in each scrape, and the
monitor ticks every second. The clients are processes of their own, so that they do not wait for the
interpreter lock of the server: `scrape`, `ask` or `hold` and the port on their command lines. The
trivial server, `accept`, is one as well.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import selectors
import socket
import statistics
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector

import vitalspan as vs
from harness import arguments, emit, order, pin, seconds

OPERATIONS = 1000
COMPONENTS = 100
SILENT = 1000
RENEWED = 50
PAUSE = 0.05
PROMETHEUS = {"Accept": "application/openmetrics-text;version=1.0.0", "Accept-Encoding": "gzip"}


class Calls(Collector):
    """A collector that calls every operation once at each scrape."""

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
    """A registry with operations that have some history."""
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
    """Scrape until this process is stopped; print the size of the first response."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for number in itertools.count():
        connection.request("GET", "/metrics", headers=PROMETHEUS)
        read = len(connection.getresponse().read())
        if number == 0:
            print(read, flush=True)


def ask(port: int, path: str, times: int) -> None:
    """Print the milliseconds of one request after another."""
    expected = {"/health": b'"components"', "/metrics": b"operation_00999"}[path]

    def once() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        with contextlib.closing(connection):
            connection.request("GET", path, headers={"Connection": "close"})
            response = connection.getresponse()
            if response.status not in {200, 503} or expected not in response.read():
                raise SystemExit(f"not an answer: {response.status}")

    print(json.dumps([seconds(once) * 1e3 for _ in range(times)]))


def hold(port: int, count: int) -> None:
    """Hold connections that send nothing; the oldest is replaced again and again."""
    held = deque(socket.create_connection(("127.0.0.1", port)) for _ in range(count))
    print("held", flush=True)
    while True:
        for _ in range(RENEWED):
            held.popleft().close()
            held.append(socket.create_connection(("127.0.0.1", port)))
        time.sleep(PAUSE)


def accept() -> None:
    """Accept connections and close those whose clients have disconnected, but nothing else."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    listener.setblocking(False)
    print(listener.getsockname()[1], flush=True)
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is not listener:
                    selector.unregister(key.fileobj)
                    key.data.close()
                    continue
                with contextlib.suppress(BlockingIOError):
                    while True:
                        connection, _ = listener.accept()
                        selector.register(connection, selectors.EVENT_READ, connection)


@contextlib.contextmanager
def client(*words: object) -> Iterator[subprocess.Popen[str]]:
    """This module in a separate process."""
    command = [sys.executable, "-m", "cases.probes", *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def answers(port: int, path: str, times: int) -> list[float]:
    """The milliseconds of a number of requests, from a separate process."""
    with client("ask", port, path, times) as asking:
        printed, _ = asking.communicate()
    return sorted(json.loads(printed))


@contextlib.contextmanager
def held(port: int | None) -> Iterator[None]:
    """Silent connections to a port, renewed all the time; None for none."""
    if port is None:
        yield
        return
    with client("hold", port, SILENT) as holding:
        if holding.stdout is None or holding.stdout.readline() != "held\n":
            raise SystemExit("no connections are held")
        yield
        if holding.poll() is not None:
            raise SystemExit("the connections have ended")


def p99(took: list[float]) -> float:
    """The 99th percentile."""
    return statistics.quantiles(took, n=100, method="inclusive")[98]


def silent(*, quick: bool) -> dict[str, Any]:
    """Scrape with and without silent connections, in turns."""
    times, turns = (50, 1) if quick else (150, 6)
    took: dict[str, list[float]] = {"quiet": [], "beside": [], "beset": []}
    with (
        vs.start_http_server(0, registry=service()) as server,
        client("accept") as other,
    ):
        elsewhere = int(other.stdout.readline()) if other.stdout else 0
        ports = {"quiet": None, "beside": elsewhere, "beset": server.port}
        for number in range(turns):
            for name in order(list(took), number):
                with held(ports[name]):
                    took[name] += answers(server.port, "/metrics", times)
    detail = {name: p99(milliseconds) for name, milliseconds in took.items()}
    return {
        "silent": {"value": detail["beset"] / detail["quiet"], "detail": detail},
        "silent elsewhere": {"value": detail["beset"] / detail["beside"], "detail": detail},
    }


def health(*, quick: bool) -> dict[str, Any]:
    """Request the health during scrapes."""
    registry = service()
    with (
        vs.start_http_server(0, registry=registry) as server,
        client("scrape", server.port) as scraping,
    ):
        if scraping.stdout is None or int(scraping.stdout.readline()) < OPERATIONS:
            raise SystemExit("not a scrape")
        took = answers(server.port, "/health", 100 if quick else 1000)
        if scraping.poll() is not None:
            raise SystemExit("the scrapes have ended")
    detail = {"median": statistics.median(took), "worst": took[-1]}
    return {"probe": {"value": p99(took), "detail": detail}}


def main() -> None:
    """Measure, or run a client."""
    effort, words = arguments()
    match words:
        case ["scrape", port]:
            scrape(int(port))
        case ["ask", port, path, times]:
            ask(int(port), path, int(times))
        case ["accept"]:
            accept()
        case ["hold", port, count]:
            hold(int(port), int(count))
        case _:
            pin(2)
            measure = silent if words == ["silent"] else health
            emit(figures=measure(quick=effort.quick))


if __name__ == "__main__":
    main()
