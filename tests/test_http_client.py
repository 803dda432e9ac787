"""The HTTP client that all parts share: hosts, redirections, proxies of the environment."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from vitalspan.errors import ConfigurationError
from vitalspan.http_client import HttpResponse, fetch
from vitalspan.http_target import HttpTarget
from vitalspan.prometheus_http import through_environment_proxy

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
