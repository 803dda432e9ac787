"""Connections: how long they stay, how many there are, and who has to go."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from contextlib import suppress
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Gauge

from support.blocked_collector import BlockedCollector
from support.raw_clients import (
    GET,
    GET_AND_CLOSE,
    PATIENCE,
    ask,
    connect,
    read_all,
    read_one,
    status_of,
    talk,
)
from support.waiting import wait_until
from vitalspan.serve.server import MetricsServer, start_http_server

pytestmark = pytest.mark.usefixtures("quiet")


def test_connections_are_kept(server: MetricsServer) -> None:
    with connect(server) as client:
        for _ in range(3):
            client.sendall(GET)
            assert b"apples_total 3.0" in read_one(client)
        # Two requests in one packet, an empty line between them, bare line feeds.
        client.sendall(GET + b"\r\n" + GET.replace(b"\r", b""))
        assert read_all_of(client, 2).count(b"apples_total 3.0") == 2


def read_all_of(client: socket.socket, answers: int) -> bytes:
    received = b""
    while received.count(b"pears_total 5.0\n") < answers:
        received += client.recv(65536)
    return received


@pytest.mark.parametrize(
    "request_",
    [
        GET_AND_CLOSE,
        GET_AND_CLOSE.replace(b": close", b": Keep-Alive , CLOSE"),
        b"GET /metrics HTTP/1.0\r\n\r\n",
        # A body is not read, so nothing can follow it.
        GET.replace(b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\nhello"),
        GET.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        GET.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\r\n\r\n"),
        GET.replace(b"\r\n\r\n", b"\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n"),
        GET.replace(b"\r\n\r\n", b"\r\nContent-Length: 9999999\r\n\r\n" + b"x" * 400_000),
        GET.replace(b"\r\n\r\n", b"\r\nContent-Length: 99\r\nExpect: 100-continue\r\n\r\n"),
    ],
)
def test_connections_that_end_after_the_answer(server: MetricsServer, request_: bytes) -> None:
    with connect(server) as client:
        client.sendall(request_)
        # A server that has answered may be gone while the rest of a long body is on its way.
        with suppress(OSError):
            client.shutdown(socket.SHUT_WR)
        answer = read_all(client)
    assert status_of(answer) == 200
    assert b"Connection: close\r\n" in answer
    assert answer.count(b"\r\nDate: ") == 1
    assert b"pears_total 5.0\n" in answer


def test_a_connection_ends_after_its_share_of_requests(
    server: MetricsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vitalspan.serve.connection.MAX_REQUESTS", 3)
    answer = talk(server, GET * 5)
    assert answer.count(b"HTTP/1.1 200") == 3
    assert answer.count(b"Connection: close") == 1


def test_an_idle_connection_is_closed(registry: CollectorRegistry) -> None:
    with (
        start_http_server(0, registry=registry, timeout=PATIENCE, idle_timeout=0.3) as server,
        connect(server) as client,
    ):
        client.sendall(GET)
        assert b"apples_total" in read_all(client)


def test_a_silent_connection_is_closed(hurried: MetricsServer) -> None:
    assert talk(hurried, b"") == b""


def test_a_client_that_goes_away(server: MetricsServer) -> None:
    for part in (b"", b"GET /met", GET):
        connect(server).close()
        with connect(server) as client:
            client.sendall(part)
    assert ask(server)[0] == 200


def test_the_connection_that_is_silent_longest_makes_room(registry: CollectorRegistry) -> None:
    with (
        start_http_server(0, registry=registry, max_connections=2, timeout=PATIENCE) as server,
        connect(server) as first,
        connect(server) as second,
    ):
        first.sendall(GET[:10])
        assert wait_until(lambda: server._loop.connection_count == 2)
        second.sendall(GET[:10])
        for _ in range(3):
            assert status_of(talk(server, GET_AND_CLOSE)) == 200
        assert first.recv(1) == b""
        second.close()


def test_busy_connections_do_not_make_room(registry: CollectorRegistry) -> None:
    blocked = BlockedCollector()
    registry.register(blocked)
    with (
        start_http_server(0, registry=registry, max_connections=1, timeout=PATIENCE) as server,
        connect(server) as busy,
    ):
        busy.sendall(GET_AND_CLOSE)
        assert blocked.entered.acquire(timeout=PATIENCE)
        for request in (b"", GET):
            answer = talk(server, request)
            assert status_of(answer) == 503
            assert answer.endswith(b"\r\n\r\ntoo many connections\n")
            assert b"Connection: close" in answer
        blocked.go_on.set()
        assert status_of(read_all(busy)) == 200


def test_idle_connections_make_room(registry: CollectorRegistry) -> None:
    with (
        start_http_server(
            0, registry=registry, max_connections=2, timeout=PATIENCE, idle_timeout=PATIENCE
        ) as server,
        connect(server) as oldest,
        connect(server) as newer,
    ):
        for client in (oldest, newer):
            # The selector loop answers this itself, and so has the connection back at once.
            client.sendall(GET.replace(b"/metrics", b"/nowhere"))
            assert b"/metrics" in read_one(client)
        assert status_of(talk(server, GET_AND_CLOSE)) == 200
        assert oldest.recv(1) == b""
        newer.sendall(GET)
        assert b"apples_total" in read_one(newer)


def test_no_more_threads(server: MetricsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert status_of(talk(server, GET_AND_CLOSE)) == 503
    assert status_of(talk(server, GET_AND_CLOSE.replace(b"/metrics", b"/-/live"))) == 200
    monkeypatch.undo()
    assert ask(server)[0] == 200


def test_no_more_file_descriptors(
    registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real, failures = socket.socket.accept, [OSError(24, "Too many open files"), BlockingIOError()]

    def accept(listener: socket.socket) -> Any:
        if failures:
            raise failures.pop(0)
        return real(listener)

    monkeypatch.setattr(socket.socket, "accept", accept)
    with start_http_server(0, registry=registry) as server:
        assert ask(server)[0] == 200
    assert "Too many open files" in caplog.text


def refused_as_too_slow(server: MetricsServer, before: bytes = b"") -> bool:
    """Whether a client that sends a byte now and then is told 408 before its request is whole.

    A machine may be so slow that what came `before`, or the first byte, missed the deadline.
    """
    text = b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 5000
    with connect(server) as client, contextlib.suppress(BrokenPipeError, ConnectionResetError):
        if before:
            client.sendall(before)
            if b"apples_total" not in read_one(client):
                return False
        for position in range(len(text)):
            client.sendall(text[position : position + 1])
            if select.select([client], [], [], 0.02)[0]:
                return read_all(client).startswith(b"HTTP/1.1 408 ")
        raise AssertionError("the server took it all")
    return False


def test_a_slow_client_cannot_put_off_the_deadline(hurried: MetricsServer) -> None:
    assert wait_until(lambda: refused_as_too_slow(hurried))
    assert wait_until(lambda: status_of(talk(hurried, GET_AND_CLOSE)) == 200)


def test_a_slow_second_request_has_a_deadline_too(registry: CollectorRegistry) -> None:
    with start_http_server(0, registry=registry, timeout=0.3, idle_timeout=PATIENCE) as server:
        assert wait_until(lambda: refused_as_too_slow(server, before=GET))


def test_slow_clients_do_not_hold_up_others(server: MetricsServer) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(connect(server)).sendall(GET[:20])
        assert ask(server)[0] == 200


def test_a_client_that_does_not_read(hurried: MetricsServer, registry: CollectorRegistry) -> None:
    # More than the buffers of both sockets hold.
    Gauge("large", "x" * 30_000_000, registry=registry)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(PATIENCE)
        client.connect((hurried.address, hurried.port))
        client.sendall(GET)
        small = GET_AND_CLOSE.replace(b"/metrics", b"/-/live")
        assert wait_until(lambda: status_of(talk(hurried, small)) == 200)
