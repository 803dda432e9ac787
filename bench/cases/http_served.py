"""Requests per second over a socket, without a library and with each that records requests.

Every application has a server in a process of its own, on the last core: uvicorn for FastAPI,
gunicorn with threads for the others. This process asks them in turns, from another core, over a
few connections that stay open, and none of them is idle while it is its turn. With vitalspan, a
turn ends with a scrape, which counts all of its requests.

The word on the command line is `fastapi`, `flask` or `django`; with `serve`, a library and the
number of a listening socket before it, this is a server.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import statistics
import subprocess
import sys
from collections.abc import Iterator
from time import perf_counter
from typing import Any

from cases.http_apps import PEERS, applications
from harness import arguments, emit, order, pin, versions

CONNECTIONS = 4
ASK = b"GET /orders/7 HTTP/1.1\r\nHost: shop\r\nAccept: */*\r\nUser-Agent: bench\r\n\r\n"
SCRAPE = b"GET /metrics HTTP/1.1\r\nHost: shop\r\n\r\n"
ROUNDS, REQUESTS = 15, 1500
QUICK_ROUNDS, QUICK_REQUESTS = 2, 100


class Client(asyncio.Protocol):
    """A connection that sends a request as soon as it has a response."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.seen = b""
        self.left = 0
        self.question = ASK
        self.done: asyncio.Future[None]

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def ask(self, question: bytes, times: int) -> asyncio.Future[None]:
        """Send a number of requests; the returned future is done after the last response."""
        self.question, self.left = question, times
        self.done = asyncio.get_running_loop().create_future()
        self.transport.write(question)
        return self.done

    def data_received(self, data: bytes) -> None:
        self.seen += data
        if not is_whole(self.seen):
            return
        if not self.seen.startswith(b"HTTP/1.1 200"):
            self.done.set_exception(SystemExit(f"not an answer: {self.seen[:80]!r}"))
            return
        self.seen = b""
        self.left -= 1
        if self.left:
            self.transport.write(self.question)
        else:
            self.done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(SystemExit(f"the server has closed a connection: {exc}"))


def is_whole(seen: bytes) -> bool:
    """Whether that is a complete response, with a content length or in chunks."""
    head, end, body = seen.partition(b"\r\n\r\n")
    length = head.lower().partition(b"content-length:")[2].split()
    return bool(end) and (len(body) >= int(length[0]) if length else body.endswith(b"0\r\n\r\n"))


@contextlib.contextmanager
def serving(framework: str, library: str) -> Iterator[int]:
    """Serve the application with a library in a separate process, and yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # Some servers send a response in two parts, the second of which would wait.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        words = [sys.executable, "-m", "cases.http_served", "serve", library]
        command = [*words, str(listener.fileno()), framework]
        with subprocess.Popen(command, pass_fds=[listener.fileno()]) as process:
            try:
                yield listener.getsockname()[1]
            finally:
                process.kill()


async def rates(ports: dict[str, int], count: int, requests: int) -> dict[str, list[float]]:
    """Requests per second of every application, one figure for each round."""
    loop = asyncio.get_running_loop()
    clients: dict[str, list[Client]] = {}
    for name, port in ports.items():
        pairs = [
            await loop.create_connection(Client, "127.0.0.1", port) for _ in range(CONNECTIONS)
        ]
        clients[name] = [client for _, client in pairs]
    seen: dict[str, list[float]] = {name: [] for name in ports}
    # The first round warms up.
    for number in range(count + 1):
        for name in order(list(ports), number):
            start = perf_counter()
            await asyncio.gather(
                *(client.ask(ASK, requests // CONNECTIONS) for client in clients[name])
            )
            if name == "vitalspan":
                await clients[name][0].ask(SCRAPE, 1)
            if number:
                seen[name].append(requests / (perf_counter() - start))
    for client in [one for each in clients.values() for one in each]:
        client.transport.close()
    return seen


def figures(seen: dict[str, list[float]]) -> dict[str, Any]:
    """The cells of the table, from rates in the same round."""
    turns = [dict(zip(seen, turn, strict=True)) for turn in zip(*seen.values(), strict=True)]

    def added(turn: dict[str, float], name: str) -> float:
        return 1 / turn[name] - 1 / turn["plain"]

    def median(values: list[float]) -> float:
        return statistics.median(values)

    others = [name for name in seen if name not in ("plain", "vitalspan")]
    best = max(others, key=lambda name: median(seen[name]))
    to_otel = median([added(turn, "vitalspan") for turn in turns]) / median(
        [added(turn, "otel") for turn in turns]
    )
    detail = {name: median(rate) for name, rate in seen.items()}
    to_plain = {name: median([turn[name] / turn["plain"] for turn in turns]) for name in seen}
    return {
        "served": {"value": to_plain["vitalspan"], "detail": detail | {"to otel": to_otel}},
        "served best": {
            "value": median([turn["vitalspan"] / turn[best] for turn in turns]),
            "detail": {name: to_plain[name] for name in others},
        },
        "served added": {"value": to_otel, "detail": {}},
    }


def serve(framework: str, library: str, listener: int) -> None:
    """Serve one application until this process is stopped."""
    pin(1)
    app = applications(framework)[library].app
    if framework == "fastapi":
        import uvicorn

        config = uvicorn.Config(app, log_level="error", access_log=False)
        uvicorn.Server(config).run(sockets=[socket.socket(fileno=listener)])
        return
    from gunicorn.app.base import BaseApplication

    class Server(BaseApplication):
        def load_config(self) -> None:
            options = {
                "bind": f"fd://{listener}",
                "control_socket_disable": True,
                "keepalive": 60,
                "loglevel": "error",
                "threads": CONNECTIONS,
                "worker_class": "gthread",
            }
            for name, value in options.items():
                self.cfg.set(name, value)

        def load(self) -> Any:
            return app

    Server().run()


def main() -> None:
    """Measure, or run a server."""
    effort, words = arguments()
    if words[0] == "serve":
        library, listener, framework = words[1:]
        serve(framework, library, int(listener))
        return
    [framework] = words
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[:-1] or cores)
    count, requests = (QUICK_ROUNDS, QUICK_REQUESTS) if effort.quick else (ROUNDS, REQUESTS)
    names = ("plain", "vitalspan", "otel", *PEERS[framework])
    with contextlib.ExitStack() as stack:
        ports = {name: stack.enter_context(serving(framework, name)) for name in names}
        seen = asyncio.run(rates(ports, count, requests))
    server = "uvicorn" if framework == "fastapi" else "gunicorn"
    emit(figures=figures(seen), packages=versions(server, framework))


if __name__ == "__main__":
    main()
