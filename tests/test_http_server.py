from __future__ import annotations

import base64
import contextlib
import gzip
import http.client
import logging
import select
import socket
import ssl
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.registry import Collector

from certificates import Authority
from prometheus_server import run_prometheus, wait_until
from vitalspan.errors import ConfigurationError
from vitalspan.monitor import Monitor
from vitalspan.serve.http import MetricsServer, start_http_server
from vitalspan.serve.wire import Wire

PATIENCE = 30.0
GET = b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"
GET_AND_CLOSE = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")


@pytest.fixture
def registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    Counter("apples", "Apples.", registry=registry).inc(3)
    Counter("pears", "Pears.", registry=registry).inc(5)
    return registry


@pytest.fixture
def server(registry: CollectorRegistry) -> Iterator[MetricsServer]:
    with start_http_server(0, registry=registry, timeout=PATIENCE) as server:
        yield server


@pytest.fixture
def hurried(registry: CollectorRegistry) -> Iterator[MetricsServer]:
    """A server that waits for nobody, and serves one client at a time."""
    options = {"timeout": 0.3, "idle_timeout": 0.3, "max_connections": 1}
    with start_http_server(0, registry=registry, **options) as server:
        yield server


@pytest.fixture(autouse=True)
def quiet(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Clients cannot make the server write anything, whatever they do."""
    caplog.set_level(logging.DEBUG)
    yield
    assert capfd.readouterr().err == ""
    assert [r for r in caplog.get_records("call") if r.levelno > logging.DEBUG] == []


def connect(server: MetricsServer) -> socket.socket:
    return socket.create_connection((server.address, server.port), PATIENCE)


def read_all(client: socket.socket) -> bytes:
    """What the server sends until it closes, or resets, the connection."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while part := client.recv(65536):
            received += part
    return received


def talk(server: MetricsServer, request: bytes) -> bytes:
    with connect(server) as client:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            client.sendall(request)
        return read_all(client)


def read_one(client: socket.socket) -> bytes:
    """The body of one answer on a connection that stays open."""
    response = http.client.HTTPResponse(client)
    response.begin()
    return response.read()


def status_of(answer: bytes) -> int:
    assert answer.startswith(b"HTTP/1.1 "), answer
    return int(answer.split(b" ", 2)[1])


def ask(
    server: MetricsServer, method: str = "GET", path: str = "/metrics", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(server.address, server.port, timeout=PATIENCE)
    with contextlib.closing(connection):
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, headers=names)
        response = connection.getresponse()
        return response.status, dict(response.headers), response.read()


# --- what is served


def test_metrics(server: MetricsServer) -> None:
    status, headers, body = ask(server)
    assert status == 200
    assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert headers["Content-Length"] == str(len(body))
    assert headers["Vary"] == "Accept, Accept-Encoding"
    assert "Server" not in headers
    assert b"apples_total 3.0\n" in body


def test_openmetrics_and_gzip(server: MetricsServer) -> None:
    _, headers, body = ask(
        server, Accept="application/openmetrics-text;version=1.0.0", Accept_Encoding="gzip"
    )
    assert headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(body).endswith(b"# EOF\n")


def test_name_filter(server: MetricsServer) -> None:
    _, _, body = ask(server, path="/metrics?name%5B%5D=pears_total")
    assert b"pears_total 5.0" in body
    assert b"apples" not in body


def test_the_landing_page_leads_to_the_metrics(server: MetricsServer) -> None:
    status, headers, body = ask(server, path="/")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert b'href="/metrics"' in body


@pytest.mark.parametrize("path", ["/favicon.ico", "/metrics/", "/x", "//metrics", "/%00<script>"])
def test_other_paths(server: MetricsServer, path: str) -> None:
    status, headers, body = ask(server, path=path)
    assert (status, headers["Content-Type"]) == (404, "text/plain; charset=utf-8")
    assert b"script" not in body


def test_head(server: MetricsServer) -> None:
    length = ask(server)[1]["Content-Length"]
    answer = talk(server, GET_AND_CLOSE.replace(b"GET", b"HEAD"))
    assert status_of(answer) == 200
    assert answer.endswith(b"\r\n\r\n")
    assert f"Content-Length: {length}\r\n".encode() in answer


@pytest.mark.parametrize("target", ["*", "/metrics", "/nowhere"])
def test_options(server: MetricsServer, target: str) -> None:
    status, headers, body = ask(server, "OPTIONS", target)
    assert (status, headers["Allow"], body) == (204, "GET, HEAD, OPTIONS", b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "TRACE", "get", "BREW"])
def test_other_methods(server: MetricsServer, method: str) -> None:
    status, headers, _ = ask(server, method)
    assert (status, headers["Allow"]) == (405, "GET, HEAD, OPTIONS")


@pytest.mark.parametrize(
    "target", [b"http://elsewhere/metrics", b"http://elsewhere:80/metrics?x=1", b"/%6detrics"]
)
def test_other_spellings_of_the_target(server: MetricsServer, target: bytes) -> None:
    answer = talk(server, GET_AND_CLOSE.replace(b"/metrics", target))
    assert status_of(answer) == 200
    assert b"apples_total 3.0" in answer


def test_a_broken_registry_is_a_500_without_details(
    registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> bytes:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("vitalspan.serve.response.generate_latest", fail)
    with start_http_server(0, registry=registry) as server:
        status, _, body = ask(server)
    assert (status, body) == (500, b"the metrics failed to render\n")
    assert "secret detail" in caplog.text
    caplog.clear()


# --- connections


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
        GET.replace(b"\r\n\r\n", b"\r\nContent-Length: nonsense\r\n\r\n"),
        GET.replace(b"\r\n\r\n", b"\r\nContent-Length: 9999999\r\n\r\n" + b"x" * 400_000),
        GET.replace(b"\r\n\r\n", b"\r\nContent-Length: 99\r\nExpect: 100-continue\r\n\r\n"),
    ],
)
def test_connections_that_end_after_the_answer(server: MetricsServer, request_: bytes) -> None:
    with connect(server) as client:
        client.sendall(request_)
        client.shutdown(socket.SHUT_WR)
        answer = read_all(client)
    assert status_of(answer) == 200
    assert b"Connection: close\r\n" in answer
    assert answer.count(b"\r\nDate: ") == 1
    assert b"pears_total 5.0\n" in answer


def test_a_connection_ends_after_its_share_of_requests(
    server: MetricsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vitalspan.serve.http._MAX_REQUESTS", 3)
    answer = talk(server, GET * 5)
    assert answer.count(b"HTTP/1.1 200") == 3
    assert answer.count(b"Connection: close") == 1


def test_an_idle_connection_is_closed(hurried: MetricsServer) -> None:
    with connect(hurried) as client:
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


def test_the_connection_limit(registry: CollectorRegistry) -> None:
    with (
        start_http_server(0, registry=registry, max_connections=2, timeout=PATIENCE) as server,
        connect(server) as first,
        connect(server) as second,
    ):
        first.sendall(GET[:10])
        second.sendall(GET[:10])
        for _ in range(3):
            answer = talk(server, b"")
            assert status_of(answer) == 503
            assert b"Connection: close" in answer
        second.sendall(GET_AND_CLOSE[10:])
        assert status_of(read_all(second)) == 200
        assert wait_until(lambda: status_of(talk(server, GET_AND_CLOSE)) == 200)
        first.sendall(GET_AND_CLOSE[10:])
        assert status_of(read_all(first)) == 200


def test_idle_connections_make_room(registry: CollectorRegistry) -> None:
    with (
        start_http_server(
            0, registry=registry, max_connections=2, timeout=PATIENCE, idle_timeout=PATIENCE
        ) as server,
        connect(server) as oldest,
        connect(server) as newer,
    ):
        for waiting, client in enumerate((oldest, newer), 1):
            client.sendall(GET)
            read_one(client)
            # An answer is read before the server has noted since when its connection waits.
            wait_until(lambda: len([*filter(None, server._connections.values())]) == waiting)  # noqa: B023
        assert status_of(talk(server, GET_AND_CLOSE)) == 200
        assert oldest.recv(1) == b""
        newer.sendall(GET)
        assert b"apples_total" in read_one(newer)


def test_no_more_threads(server: MetricsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert status_of(talk(server, b"")) == 503
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


# --- requests that are refused


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /" + b"x" * 8192 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"G" * 100_000, 414),
        (GET.replace(b"\r\n\r\n", b"\r\nA: " + b"x" * 33_000 + b"\r\n\r\n"), 431),
        (GET.replace(b"\r\n\r\n", b"\r\n" + b"A: x\r\n" * 101 + b"\r\n"), 431),
        (GET.replace(b"\r\n\r\n", b"\r\n" + (b"A: " + b"x" * 1000 + b"\r\n") * 40 + b"\r\n"), 431),
        (b"\r\n\r\n" + GET, 400),
        (b"GET /metrics\r\n\r\n", 400),
        (b"GET  /metrics HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET  HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"G{T /metrics HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /metrics HTTP/11\r\nHost: a\r\n\r\n", 400),
        (b"GET /metrics HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (b"GET http://[::1/metrics HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\n\r\n", 400),
        (GET.replace(b"\r\n\r\n", b"\r\nHost: b\r\n\r\n"), 400),
        (GET.replace(b"\r\n\r\n", b"\r\nno colon\r\n\r\n"), 400),
        (GET.replace(b"\r\n\r\n", b"\r\nA : b\r\n\r\n"), 400),
        (GET.replace(b"\r\n\r\n", b"\r\nA: b\r\n folded\r\n\r\n"), 400),
        (GET.replace(b"\r\n\r\n", b"\r\nA: b\0c\r\n\r\n"), 400),
        (GET.replace(b"\r\n\r\n", b"\r\nA: b\rc: d\r\n\r\n"), 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n", 400),
    ],
)
def test_bad_requests(server: MetricsServer, request_: bytes, status: int) -> None:
    answer = talk(server, request_)
    assert status_of(answer) == status
    assert b"Connection: close\r\n" in answer
    assert b"Traceback" not in answer
    assert answer.count(b"\r\nDate: ") == 1


def test_what_just_fits(server: MetricsServer) -> None:
    line = b"GET /metrics?" + b"x" * (8192 - 22) + b" HTTP/1.1"
    assert len(line) == 8192
    headers = b"A: x\r\n" * 98 + b"Host: a\r\nConnection: close\r\n\r\n"
    assert status_of(talk(server, line + b"\r\n" + headers)) == 200
    longer = line.replace(b"?", b"?x")
    assert status_of(talk(server, longer + b"\r\n" + headers)) == 414


def test_repeated_headers_are_one_list(server: MetricsServer) -> None:
    accepts = b"Accept: text/plain;q=0.1\r\nAccept: application/openmetrics-text\r\n\r\n"
    answer = talk(server, GET_AND_CLOSE.removesuffix(b"\r\n") + accepts)
    assert b"Content-Type: application/openmetrics-text" in answer


# --- slow clients


def drip(client: socket.socket, text: bytes) -> bytes:
    """Send a byte now and then until the server has had enough; what it answered."""
    for position in range(len(text)):
        client.sendall(text[position : position + 1])
        if select.select([client], [], [], 0.02)[0]:
            return read_all(client)
    raise AssertionError("the server took it all")


def test_a_slow_client_cannot_put_off_the_deadline(hurried: MetricsServer) -> None:
    with connect(hurried) as client:
        answer = drip(client, b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 5000)
    assert status_of(answer) == 408
    assert wait_until(lambda: status_of(talk(hurried, GET_AND_CLOSE)) == 200)


def test_a_slow_second_request_has_a_deadline_too(registry: CollectorRegistry) -> None:
    with (
        start_http_server(0, registry=registry, timeout=0.3, idle_timeout=PATIENCE) as server,
        connect(server) as client,
    ):
        client.sendall(GET)
        read_one(client)
        assert status_of(drip(client, b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 5000)) == 408


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
        small = GET_AND_CLOSE.replace(b"/metrics", b"/")
        assert wait_until(lambda: status_of(talk(hurried, small)) == 200)


def test_a_deadline_that_has_passed_allows_nothing() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(GET)
        wire = Wire(ours, seconds=0)
        with pytest.raises(TimeoutError):
            wire.wait()
        wire.allow(PATIENCE)
        wire.wait()
        assert wire.read_head().path == "/metrics"


# --- starting and stopping


def test_closing_ends_everything(registry: CollectorRegistry) -> None:
    server = start_http_server(0, registry=registry, timeout=PATIENCE, idle_timeout=PATIENCE)
    with connect(server) as silent, connect(server) as idle, connect(server) as halfway:
        idle.sendall(GET)
        read_one(idle)
        halfway.sendall(GET[:10])
        wait_until(lambda: len(server._connections) == 3)
        server.close()
        server.close()
        assert silent.recv(1) == b""
        assert idle.recv(1) == b""
        assert halfway.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        connect(server)
    assert wait_until(lambda: not server._connections)


def test_an_answer_under_way_is_finished(registry: CollectorRegistry) -> None:
    inside, go_on = threading.Event(), threading.Event()

    class Slow(Collector):
        def describe(self) -> list[Any]:
            return []

        def collect(self) -> list[Any]:
            inside.set()
            assert go_on.wait(PATIENCE)
            return []

    registry.register(Slow())
    server = start_http_server(0, registry=registry, timeout=PATIENCE)
    with connect(server) as client:
        client.sendall(GET)
        assert inside.wait(PATIENCE)
        closer = threading.Thread(target=server.close)
        closer.start()
        wait_until(server._closing.is_set)
        go_on.set()
        answer = read_all(client)
        closer.join()
    assert status_of(answer) == 200
    assert b"Connection: close" in answer


def test_a_port_in_use(server: MetricsServer) -> None:
    with pytest.raises(OSError, match=rf"at 127\.0\.0\.1:{server.port}: Address already in use"):
        start_http_server(server.port)


@pytest.mark.parametrize(
    ("addr", "where"),
    [("192.0.2.1", r"192\.0\.2\.1:0"), ("no.invalid", "no.invalid:0"), ("x" * 64, "xxx:0")],
)
def test_an_address_that_is_not_ours(addr: str, where: str) -> None:
    with pytest.raises(OSError, match=f"cannot serve metrics at .*{where}: .*; choose another"):
        start_http_server(0, addr)


@pytest.mark.parametrize(
    "options",
    [
        {"port": -1},
        {"port": 65536},
        {"port": True},
        {"port": "9464"},
        {"max_connections": 0},
        {"timeout": 0},
        {"timeout": float("inf")},
        {"idle_timeout": float("nan")},
    ],
)
def test_options_that_cannot_be_used(options: dict[str, Any]) -> None:
    (name,) = options
    with pytest.raises(ConfigurationError, match=f"^{name}="):
        start_http_server(**{"port": 0} | options)


def test_the_default_registry_and_address() -> None:
    with start_http_server(0) as server:
        assert server.address == "127.0.0.1"
        assert server.url == f"http://127.0.0.1:{server.port}/metrics"
        with urllib.request.urlopen(server.url, timeout=PATIENCE) as response:
            assert b"python_info" in response.read()


@pytest.mark.parametrize("addr", ["::1", "::"])
def test_ipv6(addr: str, registry: CollectorRegistry) -> None:
    try:
        server = start_http_server(0, addr, registry)
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")
    with server:
        assert server.url == f"http://[{addr}]:{server.port}/metrics"
        for host in ["::1"] if addr == "::1" else ["::1", "127.0.0.1"]:
            with socket.create_connection((host, server.port), PATIENCE) as client:
                client.sendall(GET_AND_CLOSE)
                assert status_of(read_all(client)) == 200


def test_the_interpreter_exits_whatever_is_connected() -> None:
    script = """
import socket
from prometheus_client import CollectorRegistry
from vitalspan.serve.http import start_http_server
server = start_http_server(0, registry=CollectorRegistry(), timeout=600, idle_timeout=600)
clients = [socket.create_connection((server.address, server.port)) for _ in range(3)]
clients[0].sendall(b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
clients[1].sendall(b"GET / HTT")
print(clients[0].recv(12))
"""
    finished = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert (finished.stdout, finished.stderr) == ("b'HTTP/1.1 200'\n", "")


# --- TLS and passwords


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("tls")
    authority = Authority(directory)
    authority.issue("server", "127.0.0.1", "localhost")
    authority.issue("prometheus", "prometheus.example")
    authority.issue("colleague", "colleague.example")
    Authority(directory, "stranger-ca").issue("stranger", "prometheus.example")
    return directory


TLS = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n"
CLIENTS = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n"
PASSWORD = "open sesame"
HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
USERS = f"basic_auth_users:\n  alice: {HASH}\n"


def configured(directory: Path, text: str, registry: Any, **options: Any) -> MetricsServer:
    file = directory / "web.yml"
    file.write_text(text)
    return start_http_server(0, registry=registry, web_config=file, **options)


def client_context(directory: Path, certificate: str | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=directory / "ca.crt")
    # The certificates here are plain; Python 3.13 asks for extensions that they lack.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if certificate:
        context.load_cert_chain(directory / f"{certificate}.crt", directory / f"{certificate}.key")
    return context


def ask_securely(
    server: MetricsServer, context: ssl.SSLContext, request: bytes = GET_AND_CLOSE
) -> bytes:
    """The answer; nothing where the server ended the connection instead."""
    with (
        connect(server) as plain,
        contextlib.suppress(ConnectionResetError, BrokenPipeError, ssl.SSLError),
        context.wrap_socket(plain, server_hostname="127.0.0.1") as client,
    ):
        client.sendall(request)
        return read_all(client)
    return b""


def test_tls(directory: Path, registry: CollectorRegistry) -> None:
    with configured(directory, TLS, registry) as server:
        assert server.url == f"https://127.0.0.1:{server.port}/metrics"
        context = client_context(directory)
        with urllib.request.urlopen(server.url, timeout=PATIENCE, context=context) as response:
            assert b"apples_total 3.0" in response.read()
        assert talk(server, GET_AND_CLOSE)[:5] != b"HTTP/"
        assert status_of(ask_securely(server, context)) == 200


def test_tls_connections_are_kept(directory: Path, registry: CollectorRegistry) -> None:
    with configured(directory, TLS, registry) as server, connect(server) as plain:
        context = client_context(directory)
        with context.wrap_socket(plain, server_hostname="localhost") as client:
            for _ in range(3):
                client.sendall(GET)
                assert b"apples_total 3.0" in read_one(client)
            server.close()
            assert client.recv(1) == b""


def test_a_stalled_handshake_holds_up_nobody(directory: Path, registry: CollectorRegistry) -> None:
    with (
        configured(directory, TLS, registry, timeout=PATIENCE) as server,
        connect(server),
        connect(server) as halfway,
    ):
        halfway.sendall(b"\x16\x03\x01\x02\x00\x01")
        assert status_of(ask_securely(server, client_context(directory))) == 200


def test_a_stalled_handshake_ends(directory: Path, registry: CollectorRegistry) -> None:
    with (
        configured(directory, TLS, registry, timeout=0.3) as server,
        connect(server) as client,
    ):
        client.sendall(b"\x16\x03\x01\x02\x00\x01")
        assert client.recv(1) == b""


def test_too_many_connections_over_tls(directory: Path, registry: CollectorRegistry) -> None:
    with (
        configured(directory, TLS, registry, timeout=PATIENCE, max_connections=1) as server,
        connect(server) as first,
    ):
        first.sendall(b"\x16")
        wait_until(lambda: len(server._connections) == 1)
        assert ask_securely(server, client_context(directory)) == b""


def test_tls_versions(directory: Path, registry: CollectorRegistry) -> None:
    with configured(directory, TLS + "  min_version: TLS13\n", registry) as server:
        context = client_context(directory)
        assert status_of(ask_securely(server, context)) == 200
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        assert ask_securely(server, context) == b""


def test_client_certificates(directory: Path, registry: CollectorRegistry) -> None:
    with configured(directory, TLS + CLIENTS, registry) as server:
        for certificate in ("prometheus", "colleague"):
            answer = ask_securely(server, client_context(directory, certificate))
            assert status_of(answer) == 200
        for stranger in (None, "stranger"):
            context = client_context(directory, stranger)
            assert ask_securely(server, context) == b""
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            assert ask_securely(server, context) == b""


def test_clients_are_let_in_by_name(directory: Path, registry: CollectorRegistry) -> None:
    text = TLS + CLIENTS + "  client_allowed_sans: [prometheus.example]\n"
    with configured(directory, text, registry) as server:
        assert status_of(ask_securely(server, client_context(directory, "prometheus"))) == 200
        assert ask_securely(server, client_context(directory, "colleague")) == b""


def authorization(user: str, password: str) -> bytes:
    value = base64.b64encode(f"{user}:{password}".encode())
    return GET_AND_CLOSE.removesuffix(b"\r\n") + b"Authorization: Basic " + value + b"\r\n\r\n"


def test_passwords(
    directory: Path, registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    with configured(directory, USERS, registry) as server:
        assert server.url.startswith("http://")
        for _ in range(2):
            assert status_of(talk(server, authorization("alice", PASSWORD))) == 200
        for path in (b"/metrics", b"/", b"/nowhere", b"/-/live", b"/-/ready", b"/health"):
            for wrong in (
                GET_AND_CLOSE,
                authorization("alice", "guess"),
                authorization("bob", PASSWORD),
            ):
                answer = talk(server, wrong.replace(b"/metrics", path, 1))
                assert status_of(answer) == 401
                assert b'WWW-Authenticate: Basic realm="vitalspan", charset="UTF-8"' in answer
                assert b"apples" not in answer
        answer = talk(server, GET_AND_CLOSE.replace(b"GET", b"HEAD"))
        assert status_of(answer) == 401
        assert answer.endswith(b"\r\n\r\n")
    assert PASSWORD not in caplog.text
    assert "guess" not in caplog.text


def test_headers_and_rate_limit(directory: Path, registry: CollectorRegistry) -> None:
    text = (
        "http_server_config: {headers: {X-Frame-Options: deny}}\n"
        "rate_limit: {interval: 1h, burst: 2}\n"
    )
    with configured(directory, text, registry) as server:
        answers = [ask(server) for _ in range(3)]
    assert [status for status, _, _ in answers] == [200, 200, 429]
    assert all(headers["X-Frame-Options"] == "deny" for _, headers, _ in answers)


def test_a_new_certificate_is_used_without_a_restart(
    tmp_path: Path, registry: CollectorRegistry
) -> None:
    def serial(server: MetricsServer) -> str:
        with (
            connect(server) as plain,
            client_context(tmp_path).wrap_socket(plain, server_hostname="127.0.0.1") as client,
        ):
            return str((client.getpeercert() or {})["serialNumber"])

    authority = Authority(tmp_path)
    authority.issue("server", "127.0.0.1")
    with configured(tmp_path, TLS, registry) as server:
        before = serial(server)
        authority.issue("server", "127.0.0.1", "renewed.example")
        assert serial(server) != before


# --- with a real Prometheus


@pytest.mark.parametrize("secure", [False, True])
def test_prometheus_scrapes(
    tmp_path: Path, directory: Path, registry: CollectorRegistry, secure: bool
) -> None:
    text = TLS + CLIENTS + USERS if secure else "{}"
    job: dict[str, Any] = {
        "job_name": "shop",
        "scrape_interval": "500ms",
        "scrape_timeout": "500ms",
    }
    if secure:
        job |= {
            "scheme": "https",
            "basic_auth": {"username": "alice", "password": PASSWORD},
            "tls_config": {
                "ca_file": str(directory / "ca.crt"),
                "cert_file": str(directory / "prometheus.crt"),
                "key_file": str(directory / "prometheus.key"),
            },
        }
    with configured(directory, text, registry) as server:
        job["static_configs"] = [{"targets": [f"127.0.0.1:{server.port}"]}]
        with run_prometheus({"scrape_configs": [job]}, tmp_path) as prometheus:
            wait_until(lambda: prometheus.value('up{job="shop"}') == 1)
            assert prometheus.value("apples_total") == 3
            wait_until(lambda: [target["health"] for target in prometheus.targets()] == ["up"])
            assert prometheus.series_exemplars("apples_total") == []
            # It comes again and again over the same connection.
            wait_until(lambda: (prometheus.value("count_over_time(apples_total[1h])") or 0) > 3)
            wait_until(lambda: len(server._connections) == 1)


def test_a_monitor_that_is_made_later_ticks_as_well() -> None:
    registry = CollectorRegistry()
    with start_http_server(port=0, registry=registry):
        monitor = Monitor(registry=registry, system_metrics=False)
        assert monitor._watch.ticker.running
        monitor.close()
    elsewhere = Monitor(registry=CollectorRegistry(), system_metrics=False)
    assert elsewhere._watching is None
