"""Starting and stopping a server."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import urllib.request
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from support.blocked_collector import BlockedCollector
from support.raw_clients import (
    GET,
    GET_AND_CLOSE,
    PATIENCE,
    connect,
    read_all,
    read_one,
    status_of,
)
from support.waiting import wait_until
from vitalspan.errors import ConfigurationError
from vitalspan.monitor import Monitor
from vitalspan.serve.server import MetricsServer, start_http_server

pytestmark = pytest.mark.usefixtures("quiet")


def test_closing_ends_everything(registry: CollectorRegistry) -> None:
    server = start_http_server(0, registry=registry, timeout=PATIENCE, idle_timeout=PATIENCE)
    with connect(server) as silent, connect(server) as idle, connect(server) as halfway:
        idle.sendall(GET)
        read_one(idle)
        halfway.sendall(GET[:10])
        wait_until(lambda: server._loop.connection_count == 3)
        server.close()
        server.close()
        assert [read_all(client) for client in (silent, idle, halfway)] == [b""] * 3
    with pytest.raises(ConnectionRefusedError):
        connect(server)
    assert wait_until(lambda: not server._loop.connection_count)


def test_an_answer_under_way_is_finished(registry: CollectorRegistry) -> None:
    blocked = BlockedCollector()
    registry.register(blocked)
    server = start_http_server(0, registry=registry, timeout=PATIENCE)
    with connect(server) as client:
        client.sendall(GET)
        assert blocked.entered.acquire(timeout=PATIENCE)
        closer = threading.Thread(target=server.close)
        closer.start()
        wait_until(lambda: server._loop.stopping)
        blocked.go_on.set()
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
from vitalspan.serve.server import start_http_server
server = start_http_server(0, registry=CollectorRegistry(), timeout=600, idle_timeout=600)
clients = [socket.create_connection((server.address, server.port)) for _ in range(3)]
clients[0].sendall(b"GET / HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
clients[1].sendall(b"GET / HTT")
print(clients[0].recv(12))
"""
    finished = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert (finished.stdout, finished.stderr) == ("b'HTTP/1.1 200'\n", "")


def test_a_monitor_that_is_made_later_ticks_as_well() -> None:
    registry = CollectorRegistry()
    with start_http_server(port=0, registry=registry):
        monitor = Monitor(registry=registry, system_metrics=False)
        assert monitor.evaluation.ticker.running
        monitor.close()
    elsewhere = Monitor(registry=CollectorRegistry(), system_metrics=False)
    assert elsewhere.evaluation_if_made is None
