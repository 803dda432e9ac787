"""The older monitor's dashboard and health in a FastAPI application."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

import vitalspan as vs
from vitalspan.compat.performance_monitor import PerformanceMonitor

fastapi = pytest.importorskip("fastapi", reason="FastAPI is not installed")
testclient = pytest.importorskip("starlette.testclient", reason="httpx is not installed")


def test_dashboard_and_health(registry: CollectorRegistry) -> None:
    from vitalspan.compat.performance_monitor.fastapi import (
        setup_performance_monitoring,
    )

    monitor = vs.Monitor(registry=registry, system_metrics=False)
    app = fastapi.FastAPI()

    @app.get("/orders/{order}")
    def order(order: int) -> int:
        return order

    setup_performance_monitoring(app, PerformanceMonitor(monitor=monitor))
    with testclient.TestClient(app) as client:
        assert client.get("/orders/7").json() == 7
        assert client.get("/metrics/health").json() == {"status": "healthy", "health_score": 100.0}
        statistics = client.get("/metrics/dashboard").json()["operation_statistics"]
    assert statistics["GET /orders/{order}"]["count"] == 1
    monitor.close()
