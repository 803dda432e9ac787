"""Stacks and profiles: who gets them from a server, and from an application that is mounted."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from pathlib import Path

import bcrypt
import pytest
from prometheus_client import CollectorRegistry

import vitalspan as vs
from support.application_clients import converse
from support.raw_clients import ask
from vitalspan.serve.messages import Request
from vitalspan.serve.page import respond_page
from vitalspan.serve.server import start_http_server

pytestmark = pytest.mark.usefixtures("quiet")

STACKS = "/api/v1/stacks"


@pytest.fixture
def shop(registry: CollectorRegistry) -> Iterator[vs.Monitor]:
    monitor = vs.Monitor(registry=registry, system_metrics=False, tick_interval=0)
    with monitor.operation("checkout"):
        pass
    yield monitor
    monitor.close()


def test_a_server_for_this_machine_alone(shop: vs.Monitor, registry: CollectorRegistry) -> None:
    with start_http_server(0, registry=registry) as server:
        assert ask(server, path=STACKS)[0] == 200
        assert ask(server, path=STACKS, Host="evil.example")[0] == 403


def test_a_server_for_everybody(shop: vs.Monitor, registry: CollectorRegistry) -> None:
    with start_http_server(0, addr="0.0.0.0", registry=registry) as server:
        status, _, body = ask(server, path=STACKS)
        assert (status, b"show_stacks=True" in body) == (403, True)
        assert ask(server, path="/api/v1/profile?id=x")[0] == 403
        assert ask(server, path="/api/v1/profiles")[0] == 200
        shop.configure(show_stacks=True)
        assert ask(server, path=STACKS)[0] == 200


def test_a_server_that_asks_for_passwords(
    shop: vs.Monitor, registry: CollectorRegistry, tmp_path: Path
) -> None:
    file = tmp_path / "web.yml"
    secret = bcrypt.hashpw(b"open sesame", bcrypt.gensalt(4)).decode()
    file.write_text(f"basic_auth_users:\n  alice: {secret}\n")
    basic = f"Basic {base64.b64encode(b'alice:open sesame').decode()}"
    with start_http_server(0, addr="0.0.0.0", registry=registry, web_config=file) as server:
        assert ask(server, path=STACKS)[0] == 401
        assert ask(server, path=STACKS, Authorization=basic)[0] == 200


@pytest.mark.parametrize(("shown", "status"), [(False, 403), (True, 200)])
def test_a_mounted_application(
    shop: vs.Monitor, registry: CollectorRegistry, shown: bool, status: int
) -> None:
    shop.configure(show_stacks=shown)
    assert respond_page(Request("GET", STACKS), registry).status == status
    app = vs.make_asgi_app(registry, page=True)
    scope = {"type": "http", "method": "GET", "path": STACKS, "headers": []}
    started, *_ = asyncio.run(converse(app, scope))
    assert started["status"] == status
