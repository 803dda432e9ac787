"""The HTTP client that all parts share: hosts, redirections, proxies of the environment."""

from __future__ import annotations

import http.server
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from support.certificates import Authority
from support.webhook_sink import run_sink
from vitalspan.errors import ConfigurationError
from vitalspan.http_client.client import HttpClient, HttpResponse, fetch
from vitalspan.http_client.connection import HttpError
from vitalspan.http_client.environment_proxy import through_environment_proxy
from vitalspan.http_client.target import HttpTarget, with_scheme

Asked = list[tuple[str, str, str | None, bytes]]


@contextmanager
def serving(answers: dict[str, tuple[int, str]]) -> Iterator[tuple[str, Asked]]:
    """A server that redirects some paths, and answers the others with 200; what it was asked."""
    asked: Asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            asked.append((self.command, self.path, self.headers["Authorization"], body))
            status, location = answers.get(self.path, (200, ""))
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


def fetched(url: str, form: bytes = b"", most: int = 1000) -> HttpResponse:
    target = HttpTarget("Prometheus", url.replace("http://", "http://me:secret@"))
    return fetch(target, target.selector, form, most=most)


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("localhost:9464", "http://localhost:9464"),
        ("me:secret@host/x?to=http://y", "http://me:secret@host/x?to=http://y"),
        ("[::1]:9464", "http://[::1]:9464"),
        ("https://host", "https://host"),
        ("HTTP://host", "HTTP://host"),
    ],
)
def test_an_address_without_a_scheme_means_http(address: str, url: str) -> None:
    assert with_scheme(address) == url
    HttpTarget("x", url)


@pytest.mark.parametrize(
    "address", ["", "ftp://host", "http:/host", "https:host", "//host", "/metrics", "a b", "a:b"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^x: the URL.*: use one such as https://host"):
        HttpTarget("x", with_scheme(address))


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("http://bücher.example:8080", "xn--bcher-kva.example:8080"),
        ("http://[::1]", "[::1]"),
        ("https://a:443/x", "a"),
        ("http://a:443", "a:443"),
    ],
)
def test_the_host_header(url: str, authority: str) -> None:
    assert HttpTarget("x", url).authority == authority


@pytest.mark.parametrize(("status", "method"), [(302, "GET"), (303, "GET"), (307, "POST")])
def test_a_redirection_keeps_the_password_for_the_same_server(status: int, method: str) -> None:
    with serving({"/a": (status, "/b?x=1")}) as (url, asked):
        assert fetched(f"{url}/a", b"form").body == b"ok"
    basic = "Basic bWU6c2VjcmV0"
    assert asked == [
        ("POST", "/a", basic, b"form"),
        (method, "/b?x=1", basic, b"form" if method == "POST" else b""),
    ]


def test_another_server_is_not_sent_the_password() -> None:
    with serving({}) as (other, asked), serving({"/a": (301, f"{other}/b")}) as (url, _):
        assert fetched(f"{url}/a").status == 200
    assert asked == [("GET", "/b", None, b"")]


def test_redirections_in_a_circle_end() -> None:
    with serving({"/a": (302, "/a")}) as (url, asked):
        assert fetched(f"{url}/a").status == 302
    assert len(asked) == 11


def test_a_redirection_to_what_is_no_url() -> None:
    with (
        serving({"/a": (302, "ftp://me:secret@other/")}) as (url, _),
        pytest.raises(ConfigurationError) as refused,
    ):
        fetched(f"{url}/a")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(("value", "through"), [("{}", True), ("http://{}", True), ("", False)])
def test_the_proxy_of_the_environment(
    value: str, through: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving({}) as (proxy, asked):
        monkeypatch.setenv("http_proxy", value.format(proxy.removeprefix("http://")))
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        target = through_environment_proxy(HttpTarget("x", "http://prometheus.example/a"))
        if through:
            assert fetch(target, target.selector, most=10).body == b"ok"
            assert [path for _, path, _, _ in asked] == ["http://prometheus.example:80/a"]
        direct = HttpTarget("x", proxy)
        assert through_environment_proxy(direct) is direct


@pytest.mark.parametrize("entry", ["prometheus.example:9090", "prometheus.example", "*"])
def test_entries_of_no_proxy_may_have_a_port(entry: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", entry)
    target = HttpTarget("x", "http://prometheus.example:9090/")
    assert through_environment_proxy(target) is target


@pytest.mark.parametrize(
    "address", ["https://user:pw@proxy:3128", "//user:pw@proxy:3128", "http://user:pw@proxy:3128/x"]
)
def test_unusual_addresses_of_a_proxy(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", address)
    monkeypatch.delenv("no_proxy", raising=False)
    proxy = through_environment_proxy(HttpTarget("x", "https://prometheus.example/")).proxy
    assert proxy is not None
    assert (proxy.host, proxy.port) == ("proxy", 3128)
    assert proxy.headers == {"Proxy-Authorization": "Basic dXNlcjpwdw=="}


@pytest.mark.parametrize(
    "address", ["socks5://me:secret@proxy:1080", "http://[me:secret", "http://"]
)
def test_an_invalid_proxy_fails_the_request(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", address)
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(HttpError, match="HTTP_PROXY is not a valid URL of a proxy") as failed:
        fetched("http://prometheus.example/")
    assert "secret" not in str(failed.value)


def test_each_redirect_has_its_own_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        serving({}) as (direct, asked_directly),
        serving({"http://prometheus.example:80/x": (302, f"{direct}/a")}) as (proxy, asked_proxy),
    ):
        monkeypatch.setenv("http_proxy", proxy)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        fetched("http://prometheus.example/x")
    assert [path for _, path, _, _ in asked_proxy] == ["http://prometheus.example:80/x"]
    assert [path for _, path, _, _ in asked_directly] == ["/a"]


def test_a_host_header_of_the_user_goes_to_its_server_alone() -> None:
    target = HttpTarget("x", "http://127.0.0.1:1/", headers={"host": "virtual.example"})
    assert target.redirected("/b", "/").headers["host"] == "virtual.example"
    assert "host" not in target.redirected("http://127.0.0.1:2/", "/").headers


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (b"", "ConnectionError: the server closed the connection without a response"),
        (b"POST /hook/SECRET HTTP/1.1\r\n\r\n", "the response is incomplete or not valid HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", "the response is incomplete or not"),
    ],
)
def test_what_is_no_response(sent: bytes, message: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            accepted, _ = listener.accept()
            with accepted:
                accepted.recv(65536)
                accepted.sendall(sent)

        thread = threading.Thread(target=answer)
        thread.start()
        client = HttpClient(HttpTarget("x", f"http://127.0.0.1:{listener.getsockname()[1]}"), 100)
        with pytest.raises(HttpError, match=message) as failed:
            client.request("GET", "/")
        thread.join()
    assert "SECRET" not in str(failed.value)


def test_aborting_ends_a_handshake() -> None:
    accepted = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def wait_for_client() -> None:
            connection, _ = listener.accept()
            with connection:
                # The handshake has begun, and is never answered.
                connection.recv(65536)
                accepted.set()
                connection.recv(65536)

        thread = threading.Thread(target=wait_for_client)
        thread.start()
        target = HttpTarget("x", f"https://127.0.0.1:{listener.getsockname()[1]}", timeout=60)
        client = HttpClient(target, 100)
        aborting = threading.Thread(target=lambda: (accepted.wait(60), client.abort()))
        aborting.start()
        with pytest.raises(HttpError) as failed:
            client.request("GET", "/")
        aborting.join()
        thread.join()
    assert not failed.value.timed_out


def pipe(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def test_tls_through_a_proxy(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("server", "127.0.0.1")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    trusting = ssl.create_default_context(cafile=str(authority.file))
    trusting.verify_flags &= ~ssl.VERIFY_X509_STRICT
    asked: list[bytes] = []

    def tunnel(listener: socket.socket, port: int) -> None:
        client, _ = listener.accept()
        with client, socket.create_connection(("127.0.0.1", port)) as server:
            asked.append(client.recv(65536))
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=pipe, args=(server, client))
            back.start()
            pipe(client, server)
            back.join()

    with run_sink(tls) as sink, socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(sink.url.rpartition(":")[2])
        thread = threading.Thread(target=tunnel, args=(listener, port))
        thread.start()
        proxy = f"http://me:secret@127.0.0.1:{listener.getsockname()[1]}"
        target = HttpTarget("x", f"{sink.url}/hook", tls=trusting, proxy=proxy)
        assert fetch(target, target.selector, b"{}", most=10).status == 200
        thread.join()
        assert [one.path for one in sink.posted] == ["/hook"]
        assert "Proxy-Authorization" not in sink.posted[0].headers
    assert asked[0].startswith(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\n" % port)
    assert b"Proxy-Authorization: Basic bWU6c2VjcmV0" in asked[0]
