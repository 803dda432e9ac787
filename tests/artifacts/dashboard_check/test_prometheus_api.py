"""What asks a Prometheus, where there is none, or one that answers in other ways."""

from __future__ import annotations

import contextlib
import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from vitalspan.artifacts.dashboard_check import prometheus_api as server_
from vitalspan.cli.main import main
from vitalspan.http_client.prometheus_api import ServerError


@pytest.fixture
def dashboards(tmp_path: Path) -> str:
    """A directory that has a dashboard."""
    (tmp_path / "mine.json").write_text('{"panels": []}')
    return str(tmp_path)


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers everything in one way, and notes who asked."""

    answer: tuple[int, bytes] = (200, b"")
    asked: Final[list[str | None]] = []

    def do_POST(self) -> None:
        self.asked.append(self.headers["Authorization"])
        status, body = self.answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextlib.contextmanager
def answering(status: int, body: bytes) -> Iterator[tuple[str, type[Handler]]]:
    handler = type("Handler", (Handler,), {"answer": (status, body), "asked": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://user:geheim@127.0.0.1:{server.server_port}", handler
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, b"<html>", "does not respond as Prometheus does"),
        (200, b"[]", "does not respond as Prometheus does"),
        (200, b'{"data": {"result": []}}', "does not respond as Prometheus does"),
        (401, b"", "responded with 401: put a user and a password into the URL"),
        (
            404,
            b"page not found",
            "responded with 404, unlike Prometheus: check the path of the URL",
        ),
        (422, b'{"error": "no"}', "no"),
        (500, b"{}", "responded with 500"),
    ],
)
def test_other_servers_are_told(
    status: int, body: bytes, said: str, dashboards: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with answering(status, body) as (url, handler):
        assert main(["grafana", "check", url, "--dashboards", dashboards]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert err.count("\n") == 1
    assert "geheim" not in err
    assert handler.asked == ["Basic dXNlcjpnZWhlaW0="]


def test_a_server_that_is_not_there(dashboards: str, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    url = f"http://user:geheim@127.0.0.1:{port}/geheim"
    assert main(["grafana", "check", url, "--dashboards", dashboards]) == 1
    said = f"vitalspan grafana: http://127.0.0.1:{port}/... cannot be reached: Connection refused\n"
    assert capsys.readouterr().err == said


def test_a_server_that_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ServerError, match=r"no response within 0\.1 s"):
            server_.PrometheusApi(url, timeout=0.1).now()


def test_an_answer_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_, "_MOST", 10)
    with (
        answering(200, b'{"data": "long enough"}') as (url, _),
        pytest.raises(ServerError, match="larger than 0 MiB"),
    ):
        server_.PrometheusApi(url).now()


def test_only_queries_are_enough_for_it() -> None:
    with answering(404, b'{"error": "no targets here"}') as (url, _):
        assert server_.PrometheusApi(url).scrape_interval() == 15
    for scraped in (b"[]", b'[{"scrapeInterval": "soon"}]'):
        with answering(200, b'{"data": {"activeTargets": %s}}' % scraped) as (url, _):
            assert server_.PrometheusApi(url).scrape_interval() == 15
    three = b'[{"scrapeInterval": "5s"}, {"scrapeInterval": "1m0s"}, {"scrapeInterval": "5s"}]'
    with answering(200, b'{"data": {"activeTargets": %s}}' % three) as (url, _):
        assert server_.PrometheusApi(url).scrape_interval() == 5
