"""Taskiq with its broker in memory, which runs tasks as its workers do."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from taskiq import InMemoryBroker, SimpleRetryMiddleware
from taskiq.exceptions import NoResultError

import vitalspan as vs
from vitalspan.integrations.taskiq import Middleware, instrument


@pytest.fixture
def broker(traced: vs.Monitor) -> InMemoryBroker:
    broker = InMemoryBroker(await_inplace=True).with_middlewares(SimpleRetryMiddleware())
    instrument(broker, monitor=traced, exclude=["excluded"])
    instrument(broker, monitor=traced)
    assert sum(isinstance(one, Middleware) for one in broker.middlewares) == 1
    return broker


def test_how_tasks_end(
    broker: InMemoryBroker, traced: vs.Monitor, spans: InMemorySpanExporter, run: Any
) -> None:
    @broker.task("order")
    async def order(number: int) -> int:
        vs.current_call().add("rows", number)
        await asyncio.sleep(0)
        return number

    @broker.task("plain")
    def plain() -> None:
        vs.current_call().add("rows")

    @broker.task("fail")
    async def fail() -> None:
        raise ValueError("no such order")

    @broker.task("again", retry_on_error=True, max_retries=3)
    async def again() -> None:
        raise OSError("later")

    @broker.task("reject")
    async def reject() -> None:
        raise NoResultError

    @broker.task("slow", timeout=0.01)
    async def slow() -> None:
        await asyncio.sleep(60)

    @broker.task("excluded")
    async def excluded() -> None: ...

    async def main() -> None:
        await broker.startup()
        with traced.operation("request"):
            await asyncio.gather(*(order.kiq(number) for number in range(5)))
        for task in (plain, fail, again, reject, slow, excluded):
            await task.kiq()  # type: ignore[attr-defined]
        await broker.shutdown()

    run(main())
    value = traced.registry.get_sample_value

    def outcome(task: str, which: str) -> float | None:
        labels = {"task": task, "queue": "taskiq", "outcome": which}
        return value("task_outcomes_total", labels)

    assert outcome("order", "succeeded") == 5
    assert outcome("plain", "succeeded") == 1
    assert outcome("fail", "failed") == 1
    assert outcome("again", "retried") == 2
    assert outcome("again", "failed") == 1
    assert outcome("reject", "rejected") == 1
    assert outcome("slow", "timed_out") == 1
    assert outcome("excluded", "succeeded") is None
    labels = {"task": "order", "queue": "taskiq"}
    names = {"component": "tasks", "operation": "order", **labels}
    assert value("operation_rows_total", names) == 10
    assert value("task_waiting_seconds_count", labels) == 5
    again_names = {"component": "tasks", "operation": "again", "task": "again", "queue": "taskiq"}
    assert value("operation_errors_total", {**again_names, "error_type": "OSError"}) == 1
    found = spans.get_finished_spans()
    [request] = [span for span in found if span.name == "request"]
    orders = [span for span in found if span.name == "order"]
    assert {span.parent and span.parent.span_id for span in orders} == {request.context.span_id}
