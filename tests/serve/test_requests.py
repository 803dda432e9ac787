"""What the server answers to requests, and which ones it refuses."""

from __future__ import annotations

import gzip

import pytest
from prometheus_client import CollectorRegistry

from support.raw_clients import (
    GET,
    GET_AND_CLOSE,
    ask,
    status_of,
    talk,
)
from vitalspan.serve.server import MetricsServer, start_http_server

pytestmark = pytest.mark.usefixtures("quiet")


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


def test_the_page_leads_to_the_metrics(server: MetricsServer) -> None:
    status, headers, body = ask(server, path="/")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert b'href="metrics"' in body


@pytest.mark.parametrize("path", ["/favicon.ico", "/x", "//metrics", "/%00<script>"])
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

    monkeypatch.setattr("vitalspan.serve.scrape.generate_latest", fail)
    with start_http_server(0, registry=registry) as server:
        status, _, body = ask(server)
    assert (status, body) == (500, b"the metrics failed to render\n")
    assert "secret detail" in caplog.text
    caplog.clear()


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
        (GET.replace(b"\r\n", b"\r\n folded\r\n", 1), 400),
        (GET.replace(b"\r\n\r\n", b"\r\nContent-Length: nonsense\r\n\r\n"), 400),
        (GET.replace(b"\r\n\r\n", b"\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n"), 400),
        (GET.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: gzip\r\n\r\n"), 501),
        (GET.replace(b"/metrics", b"/\xff"), 400),
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
