"""The selector loop, step by step, on a clock that is moved by hand."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import vitalspan as vs
from support.certificates import Authority
from support.raw_clients import GET, GET_AND_CLOSE, PATIENCE, read_all, read_one, status_of
from support.waiting import wait_until
from vitalspan.serve.connection import Timeouts
from vitalspan.serve.listener import listen
from vitalspan.serve.messages import Request, Response, text_response
from vitalspan.serve.selector_loop import Respond, SelectorLoop
from vitalspan.serve.web_config.tls import TLS

TIMEOUTS = Timeouts(request=10.0, idle=90.0)
LARGE = text_response(200, "x" * 30_000_000)
"""More than the buffers of both sockets hold."""


class Bench:
    """A loop that takes a step when it is told to, and keeps requests for the test to answer."""

    def __init__(self, tls: TLS | None = None, max_connections: int = 4) -> None:
        self.clock = vs.ManualClock()
        self.tls = tls
        self.requests: list[tuple[Request, Respond]] = []
        self.sent = 0
        self.listener = listen("127.0.0.1", 0)
        self.address = self.listener.getsockname()
        self.loop = SelectorLoop(
            self.listener,
            tls=lambda: self.tls,
            handle=self.handle,
            timeouts=TIMEOUTS,
            max_connections=max_connections,
            now=self.clock.now,
        )
        self.clients: list[socket.socket] = []

    def handle(self, request: Request, respond: Respond) -> None:
        self.requests.append((request, respond))

    def connect(self, data: bytes = b"", **options: Any) -> socket.socket:
        """A connection that the loop knows, and that has sent this."""
        client = socket.socket()
        client.settimeout(PATIENCE)
        for name, value in options.items():
            client.setsockopt(socket.SOL_SOCKET, getattr(socket, name), value)
        client.connect(self.address)
        self.clients.append(client)
        if data:
            client.sendall(data)
        self.step()
        return client

    def step(self, until: Callable[[], object] = lambda: True) -> None:
        """Take steps until something holds, one at least."""

        def stepped() -> object:
            self.loop.step(0.001)
            return until()

        assert wait_until(stepped)

    def answer(self, response: Response | None = None) -> None:
        """Answer the oldest request, once there is one."""
        self.step(lambda: self.requests)
        _, respond = self.requests.pop(0)
        respond(response or text_response(200, "hello"), self.note_sent)
        self.step()

    def note_sent(self) -> None:
        self.sent += 1

    @property
    def count(self) -> int:
        return self.loop.connection_count

    def end(self) -> None:
        self.loop.close()
        for client in self.clients:
            client.close()


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.end()


# --- deadlines


def test_a_silent_connection_has_until_its_deadline(bench: Bench) -> None:
    client = bench.connect()
    bench.clock.advance(9.9)
    bench.step()
    assert bench.count == 1
    bench.clock.advance(0.2)
    bench.step()
    assert bench.count == 0
    assert read_all(client) == b""


def test_bytes_that_trickle_in_put_off_no_deadline(bench: Bench) -> None:
    client = bench.connect()
    for position in range(10):
        client.sendall(GET[position : position + 1])
        bench.clock.advance(0.99)
        bench.step()
    assert bench.count == 1
    bench.clock.advance(0.2)
    bench.step(lambda: bench.count)
    bench.step()
    bench.clock.advance(1.1)  # the client gets a second to read it
    bench.step(lambda: bench.count == 0)
    answer = read_all(client)
    assert status_of(answer) == 408
    assert answer.endswith(b"the request took too long to arrive\n")
    assert bench.requests == []


def test_the_next_request_has_idle_time_and_then_its_own_deadline(bench: Bench) -> None:
    client = bench.connect(GET)
    bench.clock.advance(1000.0)  # a response may take as long as it takes to be made
    bench.answer()
    assert read_one(client) == b"hello\n"
    bench.clock.advance(89.0)
    client.sendall(GET[:5])
    bench.step()
    bench.clock.advance(9.0)
    bench.step()
    assert bench.count == 1
    client.sendall(GET[5:])
    bench.answer()
    assert read_one(client) == b"hello\n"
    bench.clock.advance(89.9)
    bench.step()
    assert bench.count == 1
    bench.clock.advance(0.2)
    bench.step()
    assert bench.count == 0
    assert read_all(client) == b""


def test_a_response_is_taken_until_its_deadline(bench: Bench) -> None:
    client = bench.connect(GET, SO_RCVBUF=4096)
    bench.answer(LARGE)
    for _ in range(9):
        assert client.recv(1000)
        bench.clock.advance(1.1)
        bench.step()
    assert (bench.count, bench.sent) == (1, 0)
    bench.clock.advance(0.2)
    bench.step()
    assert (bench.count, bench.sent) == (0, 1)
    assert len(read_all(client)) < len(LARGE.body)


def test_a_large_response_arrives_whole(bench: Bench) -> None:
    client = bench.connect(GET)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(read_one(client)))
    reader.start()
    bench.answer(LARGE)
    bench.step(lambda: bench.sent)
    reader.join(PATIENCE)
    assert received == [LARGE.body]
    client.sendall(GET)
    bench.answer()
    assert read_one(client) == b"hello\n"


def test_a_client_that_does_not_close_is_closed(bench: Bench) -> None:
    client = bench.connect(GET_AND_CLOSE)
    bench.answer()
    assert status_of(client.recv(65536)) == 200
    client.sendall(b"x" * 1000)
    bench.step()
    assert bench.count == 1
    bench.clock.advance(1.1)
    bench.step()
    assert bench.count == 0


def test_a_client_that_sends_without_end_is_closed(bench: Bench) -> None:
    client = bench.connect(GET_AND_CLOSE)
    bench.answer()
    client.settimeout(0)

    def closed() -> bool:
        try:
            client.send(b"x" * 65536)
        except BlockingIOError:
            pass
        except OSError:
            return True
        return bench.count == 0

    bench.step(closed)


# --- who has to go when there are too many


def test_the_one_that_was_silent_longest_gives_way(bench: Bench) -> None:
    first, second, third, fourth = (bench.connect(GET[:5]) for _ in range(4))
    first.sendall(GET[5:10])
    bench.step()
    fifth = bench.connect()
    assert read_all(second) == b""
    sixth = bench.connect()
    assert read_all(third) == b""
    for client, rest in ((first, GET[10:]), (fourth, GET[5:]), (fifth, GET), (sixth, GET)):
        client.sendall(rest)
        bench.answer()
        assert read_one(client) == b"hello\n"


def test_whoever_has_sent_a_whole_request_stays(bench: Bench) -> None:
    busy = [bench.connect(GET) for _ in range(3)]
    bench.step(lambda: len(bench.requests) == 3)
    slow = bench.connect(GET, SO_RCVBUF=4096)
    bench.step(lambda: len(bench.requests) == 4)
    _, respond = bench.requests.pop()
    respond(LARGE, None)
    for _ in range(2):
        refused = read_all(bench.connect(GET))
        assert status_of(refused) == 503
        assert refused.endswith(b"too many connections\n")
    assert bench.count == 4
    for client in busy:
        bench.answer()
        assert read_one(client) == b"hello\n"
    # Now these wait for their next requests, and are the ones that give way.
    assert status_of(slow.recv(100)) == 200
    bench.connect()
    assert read_all(busy[0]) == b""


def test_a_thousand_silent_connections_renewed_all_the_time() -> None:
    bench = Bench(max_connections=50)
    threads = threading.active_count()
    for number in range(1000):
        bench.connect(GET[: number % 7])
        if number % 100 == 0:
            scraper = bench.connect(GET)
            bench.answer()
            assert read_one(scraper) == b"hello\n"
    assert bench.count == 50
    assert threading.active_count() == threads
    bench.end()


# --- what breaks


def test_a_handler_that_raises_costs_its_connection(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(request: Request, respond: Respond) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(bench.loop, "_handle", fail)
    monkeypatch.setattr(bench.loop._stopping, "wait", lambda seconds: None)
    client = socket.create_connection(bench.address, PATIENCE)
    client.sendall(GET)

    def ended() -> bool:
        bench.loop._step_safely()
        return "continues after an internal error" in caplog.text

    stepping = threading.Thread(target=lambda: wait_until(ended))
    stepping.start()
    assert read_all(client) == b""
    stepping.join()
    assert bench.count == 0
    client.close()


def test_a_response_that_cannot_be_sent_costs_its_connection(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    client = bench.connect(GET)
    bench.answer(Response(799, [], b""))  # there is no such status
    assert read_all(client) == b""
    assert (bench.count, bench.sent) == (0, 1)
    assert "a response could not be sent" in caplog.text


def test_a_client_that_has_gone_before_its_response(bench: Bench) -> None:
    client = bench.connect(GET)
    bench.step(lambda: bench.requests)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    bench.answer(LARGE)
    bench.step(lambda: bench.count == 0)
    assert bench.sent == 1


def test_accepting_goes_on_after_a_failure(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    silent = bench.connect()
    real, failures = socket.socket.accept, [24, 24]

    def accept(listener: socket.socket) -> Any:
        if failures:
            raise OSError(failures.pop(), "Too many open files")
        return real(listener)

    monkeypatch.setattr(socket.socket, "accept", accept)
    client = bench.connect(GET)
    # The silent one made room the first time; the second time nobody could.
    assert read_all(silent) == b""
    assert "Too many open files" in caplog.text
    bench.step()
    assert bench.requests == []
    bench.clock.advance(0.1)
    bench.answer()
    assert read_one(client) == b"hello\n"


# --- the end


def test_stopping_finishes_what_is_under_way(bench: Bench) -> None:
    silent, busy = bench.connect(), bench.connect(GET)
    bench.step(lambda: bench.requests)
    _, respond = bench.requests.pop()
    runner = threading.Thread(target=bench.loop.run)
    runner.start()
    bench.loop.stop()
    assert read_all(silent) == b""
    with pytest.raises(ConnectionRefusedError):
        wait_until(lambda: socket.create_connection(bench.address, PATIENCE).close())
    respond(text_response(200, "hello"), bench.note_sent)
    answer = read_all(busy)
    assert status_of(answer) == 200
    assert b"Connection: close\r\n" in answer
    busy.close()
    runner.join(PATIENCE)
    assert not runner.is_alive()
    assert bench.count == 0


def test_a_response_that_comes_after_the_end_is_dropped(bench: Bench) -> None:
    busy = bench.connect(GET)
    bench.step(lambda: bench.requests)
    _, respond = bench.requests.pop()
    bench.loop.stop()
    runner = threading.Thread(target=bench.loop.run)
    runner.start()

    def ended() -> bool:
        bench.clock.advance(1.0)
        bench.loop.stop()
        return not runner.is_alive()

    assert wait_until(ended)
    runner.join(PATIENCE)
    assert read_all(busy) == b""
    respond(text_response(200, "hello"), bench.note_sent)
    assert bench.sent == 1


# --- TLS


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("loop")
    Authority(directory).issue("server", "127.0.0.1")
    return directory


@pytest.fixture
def secured(certificates: Path) -> Iterator[Bench]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.crt", certificates / "server.key")
    bench = Bench(TLS(context, frozenset()))
    yield bench
    bench.end()


def test_a_handshake_has_a_deadline(secured: Bench) -> None:
    client = secured.connect(b"\x16\x03\x01\x02\x00\x01")
    secured.clock.advance(9.9)
    client.sendall(b"\x00")
    secured.step()
    assert secured.count == 1
    secured.clock.advance(0.2)
    secured.step()
    assert secured.count == 0
    assert read_all(client) == b""


def test_whoever_speaks_no_tls_is_closed(secured: Bench) -> None:
    client = secured.connect(GET)
    secured.step(lambda: secured.count == 0)
    assert not read_all(client).startswith(b"HTTP")


def test_a_large_response_over_tls(secured: Bench, certificates: Path) -> None:
    context = ssl.create_default_context(cafile=certificates / "ca.crt")
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    received: list[bytes] = []

    def scrape() -> None:
        with (
            socket.create_connection(secured.address, PATIENCE) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as client,
        ):
            for request in (GET, GET_AND_CLOSE):
                client.sendall(request)
                received.append(read_one(client))
            received.append(client.recv(1))

    reader = threading.Thread(target=scrape)
    reader.start()
    for _ in range(2):
        secured.answer(LARGE)
    secured.step(lambda: secured.count == 0)
    reader.join(PATIENCE)
    assert received == [LARGE.body, LARGE.body, b""]


def test_full_means_closed_for_tls(secured: Bench) -> None:
    clients = [secured.connect(b"\x16") for _ in range(5)]
    assert read_all(clients[0]) == b""
    assert secured.count == 4
