"""TLS, client certificates, passwords, headers and the rate limit, over real connections."""

from __future__ import annotations

import base64
import contextlib
import ssl
import urllib.request
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from prometheus_client import CollectorRegistry

from support.blocked_collector import BlockedCollector
from support.certificates import Authority
from support.prometheus_server import run_prometheus
from support.raw_clients import (
    GET,
    GET_AND_CLOSE,
    PATIENCE,
    ask,
    connect,
    read_all,
    read_one,
    status_of,
    talk,
)
from support.waiting import wait_until
from vitalspan.serve.server import MetricsServer, start_http_server

pytestmark = pytest.mark.usefixtures("quiet")


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


def test_a_stalled_handshake_makes_room(directory: Path, registry: CollectorRegistry) -> None:
    with (
        configured(directory, TLS, registry, timeout=PATIENCE, max_connections=1) as server,
        connect(server) as first,
    ):
        first.sendall(b"\x16")
        assert wait_until(lambda: server._loop.connection_count == 1)
        assert status_of(ask_securely(server, client_context(directory))) == 200
        assert read_all(first) == b""


def test_too_many_busy_connections_over_tls(directory: Path, registry: CollectorRegistry) -> None:
    blocked = BlockedCollector()
    registry.register(blocked)
    context = client_context(directory)
    with (
        configured(directory, TLS, registry, timeout=PATIENCE, max_connections=1) as server,
        connect(server) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as busy,
    ):
        busy.sendall(GET_AND_CLOSE)
        assert blocked.entered.acquire(timeout=PATIENCE)
        assert ask_securely(server, client_context(directory)) == b""
        blocked.go_on.set()
        assert status_of(read_all(busy)) == 200


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
            wait_until(lambda: server._loop.connection_count == 1)
