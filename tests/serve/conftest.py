"""Fixtures of the tests of the HTTP server."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Counter

from support.raw_clients import (
    PATIENCE,
)
from vitalspan.serve.server import MetricsServer, start_http_server


@pytest.fixture
def registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    Counter("apples", "Apples.", registry=registry).inc(3)
    Counter("pears", "Pears.", registry=registry).inc(5)
    return registry


@pytest.fixture
def server(registry: CollectorRegistry) -> Iterator[MetricsServer]:
    with start_http_server(0, registry=registry, timeout=PATIENCE) as server:
        yield server


@pytest.fixture
def hurried(registry: CollectorRegistry) -> Iterator[MetricsServer]:
    """A server that waits for nobody, and serves one client at a time."""
    options = {"timeout": 0.3, "idle_timeout": 0.3, "max_connections": 1}
    with start_http_server(0, registry=registry, **options) as server:
        yield server


@pytest.fixture
def quiet(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Clients cannot make the server write anything, whatever they do."""
    caplog.set_level(logging.DEBUG)
    yield
    assert capfd.readouterr().err == ""
    assert [r for r in caplog.get_records("call") if r.levelno > logging.DEBUG] == []
