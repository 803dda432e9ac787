from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import Callable, Iterator
from typing import Any
from wsgiref.validate import validator

import pytest
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from support.application_clients import Ask, asgi_ask, converse, wsgi_ask
from vitalspan.serve.asgi import make_asgi_app
from vitalspan.serve.wsgi import make_wsgi_app

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


@pytest.fixture(params=[wsgi_ask, asgi_ask])
def ask(request: pytest.FixtureRequest, registry: CollectorRegistry) -> Ask:
    answer: Ask = request.param(registry)
    return answer


@pytest.mark.parametrize("path", ["", "/", "/metrics", "/any/thing"])
def test_every_path_shows_the_metrics(ask: Ask, path: str) -> None:
    status, headers, body = ask(path=path)
    assert status == 200
    assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert headers["Content-Length"] == str(len(body))
    assert headers["Vary"] == "Accept, Accept-Encoding"
    assert "Content-Encoding" not in headers
    assert b"apples_total 3.0\n" in body


def test_openmetrics(ask: Ask) -> None:
    status, headers, body = ask(accept=OPENMETRICS)
    assert status == 200
    assert headers["Content-Type"].startswith(f"{OPENMETRICS}; charset=utf-8; escaping=")
    families = {family.name for family in text_string_to_metric_families(body.decode())}
    assert families == {"apples", "pears"}


def test_gzip(ask: Ask) -> None:
    plain = ask(query="name[]=apples_total")[2]
    status, headers, body = ask(query="name[]=apples_total", accept_encoding="gzip")
    assert (status, headers["Content-Encoding"]) == (200, "gzip")
    assert headers["Content-Length"] == str(len(body))
    assert gzip.decompress(body) == plain
    assert "Content-Encoding" not in ask(accept_encoding="gzip;q=0")[1]


@pytest.mark.parametrize(
    ("query", "apples", "pears"),
    [
        ("name[]=apples_total", True, False),
        ("name%5B%5D=pears_total", False, True),
        ("name[]=apples_total&name[]=pears_total", True, True),
        ("name[]=plums_total", False, False),
        ("name[]=", True, True),
        ("name=apples_total&%ff=%zz&&;=", True, True),
    ],
)
def test_name_filter(ask: Ask, query: str, apples: bool, pears: bool) -> None:
    status, _, body = ask(query=query)
    assert status == 200
    assert (b"apples_total 3.0" in body, b"pears_total 5.0" in body) == (apples, pears)


def test_head_says_what_get_would(ask: Ask) -> None:
    got, (status, headers, body) = ask(), ask("HEAD")
    assert (status, body) == (200, b"")
    assert headers == got[1]


def test_options(ask: Ask) -> None:
    assert ask("OPTIONS") == (204, {"Allow": "GET, HEAD, OPTIONS"}, b"")


@pytest.mark.filterwarnings("ignore:Unknown REQUEST_METHOD")
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "BREW"])
def test_other_methods(ask: Ask, method: str) -> None:
    status, headers, body = ask(method)
    assert (status, headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
    assert b"apples" not in body


@pytest.mark.parametrize("path", ["/favicon.ico", "/mounted/favicon.ico"])
def test_favicon_is_not_a_scrape(ask: Ask, path: str) -> None:
    status, _, body = ask(path=path)
    assert status == 404
    assert b"apples" not in body


class Broken(CollectorRegistry):
    """A registry that cannot even list its collectors."""

    def __init__(self) -> None:
        pass

    @property
    def _collector_to_names(self) -> Any:
        raise RuntimeError("secret detail")


@pytest.mark.parametrize("door", [wsgi_ask, asgi_ask])
def test_a_failure_tells_the_client_nothing(
    door: Callable[[Collector], Ask], caplog: pytest.LogCaptureFixture
) -> None:
    status, _, body = door(Broken())()
    assert (status, body) == (500, b"the metrics failed to render\n")
    assert "secret detail" in caplog.text


def test_the_default_registry_is_prometheus_clients() -> None:
    assert b"python_info" in wsgi_ask(REGISTRY)(query="name[]=python_info")[2]
    app = validator(make_wsgi_app())
    assert callable(app)
    sent = asyncio.run(
        converse(make_asgi_app(), {"type": "http", "method": "GET", "path": "/", "headers": []})
    )
    assert b"python_info" in sent[1]["body"]


def test_repeated_asgi_headers_are_one_list(registry: CollectorRegistry) -> None:
    headers = [(b"accept", b"text/plain;q=0.1"), (b"x", b"y"), (b"accept", OPENMETRICS.encode())]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": headers}
    start, _ = asyncio.run(converse(make_asgi_app(registry), scope))
    assert dict(start["headers"])[b"content-type"].startswith(OPENMETRICS.encode())


def test_rendering_leaves_the_event_loop_alone() -> None:
    threads: list[threading.Thread] = []

    class Watcher(Collector):
        def collect(self) -> Iterator[Any]:
            threads.append(threading.current_thread())
            return iter(())

    registry = CollectorRegistry()
    registry.register(Watcher())
    threads.clear()
    asgi_ask(registry)()
    assert threads
    assert threading.main_thread() not in threads


def test_without_asyncio_it_still_answers(registry: CollectorRegistry) -> None:
    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    coroutine = converse(make_asgi_app(registry), scope)
    with pytest.raises(StopIteration) as finished:
        coroutine.send(None)
    assert b"apples_total 3.0" in finished.value.value[1]["body"]


def test_lifespan_is_acknowledged(registry: CollectorRegistry) -> None:
    events = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent = asyncio.run(converse(make_asgi_app(registry), {"type": "lifespan"}, *events))
    assert sent == [{"type": "lifespan.startup.complete"}, {"type": "lifespan.shutdown.complete"}]


def test_websockets_are_refused(registry: CollectorRegistry) -> None:
    app = make_asgi_app(registry)
    sent = asyncio.run(converse(app, {"type": "websocket"}, {"type": "websocket.connect"}))
    assert [message["type"] for message in sent] == ["websocket.close"]


def test_other_protocols_are_refused_as_the_specification_asks(registry: CollectorRegistry) -> None:
    with pytest.raises(ValueError, match="'carrier-pigeon'"):
        asyncio.run(converse(make_asgi_app(registry), {"type": "carrier-pigeon"}))
