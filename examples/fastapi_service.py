"""A FastAPI service with /metrics, probes and a health score.

Install: pip install vitalspan fastapi uvicorn
Run: python examples/fastapi_service.py
Try: curl http://127.0.0.1:8000/orders/7 http://127.0.0.1:8000/metrics
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI, HTTPException

import vitalspan as vs
from vitalspan.integrations.fastapi import instrument


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    # From here on rules and health are evaluated every five seconds, in a thread.
    monitor = vs.configure()
    yield
    # /-/ready says so from now on, and a load balancer sends no more requests.
    monitor.set_ready(False, "the service is shutting down")


app = FastAPI(lifespan=lifespan)
# Every request is an operation, such as GET /orders/{number}. The metrics are at /metrics, and the
# probes at /-/live, /-/ready and /health.
instrument(app, metrics_path="/metrics", probes_path="/")


@app.get("/orders/{number}")
async def read_order(number: int) -> dict[str, int | str]:
    if number == 404:
        raise HTTPException(404, "there is no such order")
    return {"number": number, "status": await status_of(number)}


@vs.operation("query_status", component="database", slow=0.5)
async def status_of(number: int) -> str:
    await asyncio.sleep(0.01)
    return "paid" if number % 2 else "open"


if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ.get("PORT", "8000")))
