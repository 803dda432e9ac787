"""Clients that send junk, or nothing and very many of them."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections import deque
from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter

from support.raw_clients import GET, GET_AND_CLOSE, PATIENCE, connect, read_all, status_of, talk
from support.waiting import wait_until
from vitalspan.serve.server import MetricsServer, start_http_server

PIECES = st.one_of(
    st.binary(max_size=50),
    st.sampled_from(
        [
            *(GET, GET_AND_CLOSE, GET[:11], GET[11:], GET.replace(b"GET", b"POST")),
            *(b"\r\n", b"\n", b"\r", b"\0", b":", b" ", b"x" * 5000, b"HTTP/1.1", b"GET "),
            *(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
            *(b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", b"A: " + b"y" * 20_000),
            b"GET /health HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        ]
    ),
)


def serving(**options: int) -> MetricsServer:
    registry = CollectorRegistry()
    Counter("apples", "Apples.", registry=registry).inc(3)
    return start_http_server(0, registry=registry, timeout=PATIENCE, **options)


@pytest.fixture(scope="module")
def server() -> Iterator[MetricsServer]:
    with serving() as server:
        yield server


class Complaints(logging.Handler):
    """What the server logs above the level of details."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture(scope="module", autouse=True)
def complaints() -> Iterator[list[logging.LogRecord]]:
    handler = Complaints()
    logger = logging.getLogger("vitalspan")
    logger.addHandler(handler)
    yield handler.records
    logger.removeHandler(handler)
    assert [record.getMessage() for record in handler.records] == []


@settings(max_examples=150)
@given(pieces=st.lists(PIECES, max_size=12), ends=st.booleans(), reset=st.booleans())
@example(pieces=[GET * 50], ends=True, reset=False)
@example(pieces=[b"\r\n" * 100], ends=True, reset=False)
def test_junk_gets_answers_or_an_end(
    server: MetricsServer, pieces: list[bytes], ends: bool, reset: bool
) -> None:
    with connect(server) as client:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for piece in pieces:
                client.sendall(piece)
            if ends:
                client.shutdown(socket.SHUT_WR)
        if reset:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        elif ends:
            received = read_all(client)
            # Every answer is one, and there are not more than requests can have been.
            assert not received or received.startswith(b"HTTP/1.1 ")
            assert received.count(b"\r\nDate: ") <= 1 + sum(map(len, pieces)) // 16
            assert b"Traceback" not in received
    answer = talk(server, GET_AND_CLOSE)
    assert status_of(answer) == 200
    assert b"apples_total 3.0" in answer


def test_nothing_is_left_of_them(server: MetricsServer) -> None:
    assert wait_until(lambda: server._loop.connection_count == 0)
    assert status_of(talk(server, GET_AND_CLOSE)) == 200


def test_a_thousand_silent_connections_cost_no_thread_and_keep_nobody_out() -> None:
    with serving(max_connections=100) as server, contextlib.ExitStack() as stack:
        assert status_of(talk(server, GET_AND_CLOSE)) == 200
        threads = threading.active_count()
        for _ in range(10):
            for _ in range(100):
                client = stack.enter_context(connect(server))
                client.sendall(GET[:3])
            assert status_of(talk(server, GET_AND_CLOSE)) == 200
        assert wait_until(lambda: server._loop.connection_count <= 100)
        assert threading.active_count() <= threads + 1


def test_every_scrape_is_answered_while_a_thousand_connections_are_renewed() -> None:
    with serving(max_connections=1024) as server:
        held = deque(connect(server) for _ in range(1000))
        stopped = threading.Event()
        renewed = 0

        def renew() -> None:
            nonlocal renewed
            while not stopped.is_set():
                held.popleft().close()
                held.append(connect(server))
                renewed += 1

        renewing = threading.Thread(target=renew)
        renewing.start()
        try:
            while renewed < 2000 and renewing.is_alive():
                answer = talk(server, GET_AND_CLOSE)
                assert status_of(answer) == 200
                assert b"apples_total 3.0" in answer
        finally:
            stopped.set()
            renewing.join()
            for client in held:
                client.close()
            for client in held:
                client.close()
        assert renewed >= 2000
        assert wait_until(lambda: server._loop.connection_count == 0)


def test_clients_that_take_nothing_keep_nobody_out() -> None:
    registry = CollectorRegistry()
    Counter("apples", "x" * 10_000_000, registry=registry).inc(3)
    with (
        start_http_server(0, registry=registry, timeout=PATIENCE) as server,
        contextlib.ExitStack() as stack,
    ):
        threads = threading.active_count()
        for _ in range(20):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect((server.address, server.port))
            client.sendall(GET)
        assert wait_until(lambda: server._loop.connection_count == 20)
        query = GET_AND_CLOSE.replace(b"/metrics", b"/metrics?name[]=apples_total")
        assert status_of(talk(server, query)) == 200
        assert threading.active_count() <= threads + 32
