"""The page and its API as the server, WSGI and ASGI answer them."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest
from prometheus_client import CollectorRegistry

import vitalspan as vs
from support.application_clients import converse
from support.raw_clients import ask
from vitalspan.page.assets import asset
from vitalspan.serve.messages import Request
from vitalspan.serve.page import is_loopback, respond_page
from vitalspan.serve.server import MetricsServer, start_http_server

pytestmark = pytest.mark.usefixtures("quiet")

Answer = tuple[int, dict[str, str], bytes]


@pytest.fixture
def shop(registry: CollectorRegistry) -> Iterator[vs.Monitor]:
    monitor = vs.Monitor(registry=registry, system_metrics=False, tick_interval=0)
    with monitor.operation("checkout"):
        pass
    yield monitor
    monitor.close()


@pytest.fixture
def page(shop: vs.Monitor, server: MetricsServer) -> MetricsServer:
    return server


def test_the_page_has_headers_that_keep_everything_else_out(page: MetricsServer) -> None:
    status, headers, body = ask(page, path="/")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert b"http://" not in body
    assert b"https://" not in body
    assert b" style=" not in body
    assert b"<script>" not in body


def test_everything_that_the_page_loads_is_there(page: MetricsServer) -> None:
    body = ask(page, path="/")[2].decode()
    loaded = [part.split('"')[0] for part in body.split('="static/')[1:]]
    assert len(loaded) >= 5
    for name in loaded:
        status, headers, content = ask(page, path=f"/static/{name}")
        assert status == 200
        assert content
        assert headers["Content-Type"].split(";")[0] in {
            *("text/css", "text/javascript", "image/svg+xml"),
        }


def test_what_is_known_is_not_sent_again(page: MetricsServer) -> None:
    etag = ask(page, path="/static/page.css")[1]["ETag"]
    status, headers, body = ask(page, path="/static/page.css", If_None_Match=etag)
    assert (status, body, headers["ETag"]) == (304, b"", etag)
    assert ask(page, path="/static/page.css", If_None_Match='"another"')[0] == 200


def test_gzip(page: MetricsServer) -> None:
    plain = ask(page, path="/static/page.css")[2]
    _, headers, body = ask(page, path="/static/page.css", Accept_Encoding="gzip")
    assert headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(body) == plain


def test_the_api(page: MetricsServer) -> None:
    status, headers, body = ask(page, path="/api/v1/operations?sort=count")
    assert (status, headers["Content-Type"]) == (200, "application/json")
    [operation] = json.loads(body)["operations"]
    assert operation["figures"]["operation"] == "checkout"
    assert ask(page, path="/api/v1/operations?sort=name")[0] == 400
    assert ask(page, path="/api/v1/nothing")[0] == 404
    assert ask(page, method="HEAD", path="/api/v1/status")[2] == b""


@pytest.mark.parametrize(
    "path",
    ["/static/../page.py", "/static/..%2Froutes.py", "/static/", "/static/views/", "/static/%00"],
)
def test_nothing_else_is_read(page: MetricsServer, path: str) -> None:
    assert ask(page, path=path)[0] == 404


@pytest.mark.parametrize("path", ["/", "/api/v1/status", "/static/page.css"])
@pytest.mark.parametrize("host", ["evil.example", "evil.example:9464", "127.0.0.1.evil.example"])
def test_a_name_that_leads_here_by_deceit_is_refused(
    page: MetricsServer, path: str, host: str
) -> None:
    status, _, body = ask(page, path=path, Host=host)
    assert status == 403
    assert b"ask for localhost" in body
    # Scrapers come by other names, through tunnels and containers.
    assert ask(page, path="/metrics", Host=host)[0] == 200


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        *((one, True) for one in ("localhost", "localhost:9464", "127.0.0.1", "127.9.9.9:1")),
        *((one, True) for one in ("[::1]:9464", "[::1]", "::1", "shop.localhost:80", "LOCALHOST.")),
        *((one, False) for one in ("", "localhost.evil.example", "10.0.0.1", "0.0.0.0:1", "a:b")),
    ],
)
def test_names_of_this_machine(host: str, ours: bool) -> None:
    assert is_loopback(host) is ours


def test_a_server_for_others_is_asked_for_by_any_name(
    shop: vs.Monitor, registry: CollectorRegistry
) -> None:
    with start_http_server(0, addr="0.0.0.0", registry=registry) as server:
        assert ask(server, path="/", Host="shop.example")[0] == 200


def test_a_monitor_that_fails_is_a_500_without_details(
    page: MetricsServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> bytes:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("vitalspan.page.api.dump", fail)
    status, _, body = ask(page, path="/api/v1/health")
    assert (status, b"secret" in body) == (500, False)
    caplog.clear()


def wsgi(registry: CollectorRegistry, mount: str) -> Callable[[str], Answer]:
    app = validator(vs.make_wsgi_app(registry, page=True))

    def get(path: str) -> Answer:
        path, _, query = path.partition("?")
        environ: dict[str, Any] = {"PATH_INFO": path, "SCRIPT_NAME": mount, "QUERY_STRING": query}
        environ |= {"REQUEST_METHOD": "GET", "wsgi.input": BytesIO()}
        setup_testing_defaults(environ)
        started: list[Any] = []
        parts = app(environ, lambda status, headers, exc=None: started.extend((status, headers)))
        body = b"".join(parts)
        parts.close()
        return int(started[0].split()[0]), dict(started[1]), body

    return get


def asgi(registry: CollectorRegistry, mount: str, *, whole: bool) -> Callable[[str], Answer]:
    app = vs.make_asgi_app(registry, page=True)

    def get(path: str) -> Answer:
        path, _, query = path.partition("?")
        scope = {"type": "http", "method": "GET", "path": mount + path if whole else path}
        scope |= {"root_path": mount, "query_string": query.encode(), "headers": []}
        start, body = asyncio.run(converse(app, scope))
        headers = {name.decode().title(): value.decode() for name, value in start["headers"]}
        return start["status"], headers, body["body"]

    return get


MOUNTS: list[Any] = [
    lambda registry: wsgi(registry, "/any/where"),
    lambda registry: wsgi(registry, ""),
    lambda registry: asgi(registry, "/any/where", whole=True),
    lambda registry: asgi(registry, "/any/where", whole=False),
    lambda registry: asgi(registry, "", whole=True),
]


@pytest.mark.parametrize("make", MOUNTS)
def test_the_same_in_an_application(
    make: Any, shop: vs.Monitor, registry: CollectorRegistry
) -> None:
    get = make(registry)
    status, headers, body = get("/")
    assert (status, b'src="static/main.js"' in body) == (200, True)
    assert "Content-Security-Policy" in headers
    status, headers, body = get("/static/main.js")
    assert (status, headers["Content-Type"]) == (200, "text/javascript; charset=utf-8")
    status, _, body = get("/api/v1/overview?range=60")
    assert (status, json.loads(body)["operation_count"]) == (200, 1)
    assert b"operation_duration_seconds_count" in get("/metrics")[2]
    assert get("/-/live")[2] == b"vitalspan is alive\n"
    assert get("/elsewhere")[0] == 404


@pytest.mark.parametrize("make", [MOUNTS[0], MOUNTS[2], MOUNTS[3]])
def test_a_mount_without_a_slash_leads_to_the_page(
    make: Any, shop: vs.Monitor, registry: CollectorRegistry
) -> None:
    status, headers, _ = make(registry)("")
    assert (status, headers["Location"]) == (308, "./where/")


def test_assets_are_named_one_by_one() -> None:
    assert asset("page.css") is not None
    assert asset("views/overview.js") is not None
    assert asset("vendor/uPlot.LICENSE") is None
    assert asset("../__init__.py") is None


def test_without_a_monitor_the_page_says_so(registry: CollectorRegistry) -> None:
    response = respond_page(Request("GET", "/api/v1/status"), registry)
    assert response.status == 503


def test_a_wsgi_server_has_no_events(shop: vs.Monitor, registry: CollectorRegistry) -> None:
    status, _, body = wsgi(registry, "")("/api/v1/events")
    assert (status, body) == (204, b"")
