"""Requests of FastAPI and Starlette, with the older monitor's dashboard and health as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from vitalspan.compat.performance_monitor.unified import (
    PerformanceMonitor,
    get_performance_monitor,
)
from vitalspan.integrations.starlette import instrument

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request

__all__ = ["HEALTHY", "setup_performance_monitoring"]

HEALTHY: Final = 70.0
"""The score from which on `/metrics/health` is healthy; below it is degraded."""


def setup_performance_monitoring(
    app: Starlette, monitor: PerformanceMonitor | None = None, prefix: str = "/metrics"
) -> None:
    """Record all requests, and serve `/metrics/dashboard` and `/metrics/health`.

    The response of the health endpoint always has status 200, as before.

    Args:
        app: a FastAPI or Starlette application.
        monitor: the monitor; None is that of `get_performance_monitor()`.
        prefix: the path before `/dashboard` and `/health`.
    """
    from starlette.concurrency import run_in_threadpool  # noqa: PLC0415 - of an optional framework
    from starlette.responses import JSONResponse  # noqa: PLC0415

    face = get_performance_monitor() if monitor is None else monitor

    async def dashboard(_: Request) -> Any:
        return JSONResponse(await run_in_threadpool(face.get_dashboard_data))

    async def health(_: Request) -> Any:
        score = await run_in_threadpool(face.get_health_score)
        status = "healthy" if score >= HEALTHY else "degraded"
        return JSONResponse({"status": status, "health_score": score})

    app.add_route(f"{prefix}/dashboard", dashboard)
    app.add_route(f"{prefix}/health", health)
    instrument(app, monitor=face.monitor)
