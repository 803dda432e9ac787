"""Changes through the API: only where the server knows who asks, and never for another site."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from prometheus_client import CollectorRegistry

import vitalspan as vs
from support.page_clients import validator
from support.raw_clients import ask
from vitalspan.page.actions import ACTIONS
from vitalspan.page.openapi import openapi
from vitalspan.serve.metrics_server import MetricsServer
from vitalspan.serve.page_changes import knows_clients
from vitalspan.serve.server import start_http_server
from vitalspan.serve.web_config import WebConfig
from vitalspan.serve.web_config.tls import TLS

pytestmark = pytest.mark.usefixtures("quiet")

PASSWORD = "open sesame"
HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
BASIC = f"Basic {base64.b64encode(f'alice:{PASSWORD}'.encode()).decode()}"


@pytest.fixture
def shop(registry: CollectorRegistry, clock: vs.ManualClock) -> Iterator[vs.Monitor]:
    monitor = vs.Monitor(registry=registry, system_metrics=False, tick_interval=0, clock=clock)
    monitor.rules.add(
        alert="Failing", signal="error_ratio", above={"warning": "1%"}, labels={"team": "a"}
    )
    with contextlib.suppress(ValueError), monitor.operation("checkout"):
        raise ValueError
    clock.advance(5)
    monitor.tick()
    yield monitor
    monitor.close()


@pytest.fixture
def secured(
    shop: vs.Monitor, registry: CollectorRegistry, tmp_path: Path
) -> Iterator[MetricsServer]:
    file = tmp_path / "web.yml"
    file.write_text(f"basic_auth_users:\n  alice: {HASH}\n")
    with start_http_server(0, registry=registry, web_config=file) as server:
        yield server


def request(server: MetricsServer, path: str, method: str = "POST", **headers: str) -> Any:
    status, _, body = ask(server, method, f"/api/v1/{path}", Authorization=BASIC, **headers)
    return status, json.loads(body)


def token_of(server: MetricsServer) -> str:
    token: str = request(server, "token", "GET")[1]["token"]
    return token


def test_an_alert_is_acknowledged_and_silenced(shop: vs.Monitor, secured: MetricsServer) -> None:
    token = token_of(secured)
    [alert] = shop.alerts.active()
    status, done = request(secured, f"acknowledge?alert={alert.id}", X_Vitalspan_Token=token)
    assert (status, done) == (200, {"done": True, "text": "The alert is acknowledged."})
    assert shop.alerts.active()[0].acknowledged
    path = f"silence?alert={alert.id}&seconds=60&comment=later"
    assert request(secured, path, X_Vitalspan_Token=token)[1]["done"]
    [silence] = shop.alerts.silences()
    assert silence.comment == "later"
    assert {(one.label, one.value) for one in silence.where} == {
        *(("alertname", "Failing"), ("team", "a")),
    }
    assert shop.alerts.active()[0].silenced_until == pytest.approx(silence.until)
    path = f"unsilence?silence={silence.id}"
    assert request(secured, path, X_Vitalspan_Token=token)[1]["done"]
    assert shop.alerts.silences() == []
    assert not request(secured, path, X_Vitalspan_Token=token)[1]["done"]


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ({}, "is not the token"),
        ({"X_Vitalspan_Token": "guess"}, "is not the token"),
        ({"X_Vitalspan_Token": "\xfc"}, "is not the token"),
        ({"Sec_Fetch_Site": "cross-site"}, "another site"),
        ({"Sec_Fetch_Site": "same-site"}, "another site"),
        ({"Sec_Fetch_Site": "none"}, "another site"),
        ({"Origin": "https://evil.example"}, "another origin"),
        ({"Origin": "null"}, "another origin"),
    ],
)
def test_what_another_site_may_have_sent_is_refused(
    shop: vs.Monitor, secured: MetricsServer, headers: dict[str, str], error: str
) -> None:
    [alert] = shop.alerts.active()
    if not {"Origin", "Sec_Fetch_Site"}.isdisjoint(headers):
        headers = {**headers, "X_Vitalspan_Token": token_of(secured)}
    status, answered = request(secured, f"acknowledge?alert={alert.id}", **headers)
    assert (status, error in answered["error"]) == (403, True)
    assert not shop.alerts.active()[0].acknowledged


def test_the_page_itself_is_let_through(shop: vs.Monitor, secured: MetricsServer) -> None:
    [alert] = shop.alerts.active()
    status, _ = request(
        secured,
        f"acknowledge?alert={alert.id}",
        X_Vitalspan_Token=token_of(secured),
        Sec_Fetch_Site="same-origin",
        Origin=f"http://127.0.0.1:{secured.port}",
    )
    assert status == 200


def test_the_token_is_kept_nowhere(shop: vs.Monitor, secured: MetricsServer) -> None:
    headers = ask(secured, path="/api/v1/token", Authorization=BASIC)[1]
    assert headers["Cache-Control"] == "no-store"


def test_without_a_password_there_is_neither_token_nor_change(
    shop: vs.Monitor, secured: MetricsServer
) -> None:
    assert ask(secured, path="/api/v1/token")[0] == 401
    assert ask(secured, "POST", "/api/v1/acknowledge?alert=x")[0] == 401


def test_a_server_that_lets_everybody_in_changes_nothing(
    shop: vs.Monitor, server: MetricsServer, secured: MetricsServer
) -> None:
    assert json.loads(ask(server, path="/api/v1/token")[2]) == {"token": None}
    [alert] = shop.alerts.active()
    path = f"/api/v1/acknowledge?alert={alert.id}"
    status, _, body = ask(server, "POST", path, X_Vitalspan_Token=token_of(secured))
    assert (status, b"neither users nor client" in body) == (403, True)
    assert not shop.alerts.active()[0].acknowledged


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("acknowledge", 400),
        ("acknowledge?alert=nobody", 200),
        ("silence?alert=x&seconds=0", 400),
        ("silence?alert=x&seconds=1e99", 400),
        ("unsilence?silence=1.5", 400),
        ("everything", 404),
    ],
)
def test_what_cannot_be_done(
    shop: vs.Monitor, secured: MetricsServer, path: str, status: int
) -> None:
    answered = request(secured, path, X_Vitalspan_Token=token_of(secured))
    assert answered[0] == status
    assert answered[1].get("done", False) is False


def test_client_certificates_tell_who_asks_as_well() -> None:
    ssl = pytest.importorskip("ssl")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    assert not knows_clients(WebConfig(tls=TLS(context, frozenset())))
    context.verify_mode = ssl.CERT_REQUIRED
    assert knows_clients(WebConfig(tls=TLS(context, frozenset())))


def test_changes_are_described() -> None:
    paths = openapi()["paths"]
    assert all("post" in paths[f"/api/v1/{name}"] for name in ACTIONS)
    validator("token", 200).validate({"token": None})
