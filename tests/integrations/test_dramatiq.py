"""Dramatiq with a real Redis, and with its broker for tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import dramatiq
import pytest
from dramatiq.brokers.redis import RedisBroker
from dramatiq.brokers.stub import StubBroker
from dramatiq.errors import Retry
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import vitalspan as vs
from support.redis_server import run_redis
from vitalspan.integrations.dramatiq import Middleware, instrument, poll_queues

Outcome = Callable[[str, str], float | None]


def outcomes(monitor: vs.Monitor) -> Outcome:
    def read(task: str, outcome: str) -> float | None:
        labels = {"task": task, "queue": "default", "outcome": outcome}
        return monitor.registry.get_sample_value("task_outcomes_total", labels)

    return read


@pytest.fixture(autouse=True)
def _variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restore what the Prometheus middleware of older versions sets in the environment."""
    for name in ("PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


@pytest.fixture
def broker(traced: vs.Monitor) -> Iterator[StubBroker]:
    broker = StubBroker()
    broker.emit_after("process_boot")
    dramatiq.set_broker(broker)
    instrument(broker, monitor=traced, exclude=["excluded"])
    instrument(broker, monitor=traced)
    assert sum(isinstance(one, Middleware) for one in broker.middleware) == 1
    yield broker
    broker.flush_all()
    broker.close()


def work(broker: Any) -> None:
    """Do all that waits, and what is sent meanwhile."""
    worker = dramatiq.Worker(broker, worker_timeout=10, worker_threads=2)
    worker.start()
    try:
        failing = {"fail_fast": False} if isinstance(broker, StubBroker) else {}
        broker.join("default", **failing)
        worker.join()
    finally:
        worker.stop()


def test_how_messages_end(broker: StubBroker, traced: vs.Monitor) -> None:
    @dramatiq.actor
    def order(number: int) -> None:
        vs.current_call().add("rows", number)

    @dramatiq.actor(max_retries=0)
    def fail() -> None:
        raise ValueError("no such order")

    @dramatiq.actor(max_retries=2, min_backoff=1, max_backoff=1)
    def again() -> None:
        raise Retry("later", delay=1)

    @dramatiq.actor(max_age=1)
    def late() -> None: ...

    @dramatiq.actor
    def excluded() -> None: ...

    outcome = outcomes(traced)
    for number in range(5):
        order.send(number)
    for actor in (fail, again, excluded):
        actor.send()
    message = late.message()
    broker.enqueue(message.copy(message_timestamp=message.message_timestamp - 60_000))
    work(broker)
    assert outcome("order", "succeeded") == 5
    assert outcome("fail", "failed") == 1
    assert (outcome("again", "retried"), outcome("again", "failed")) == (2, 1)
    assert outcome("late", "expired") == 1
    assert outcome("excluded", "succeeded") is None
    value = traced.registry.get_sample_value
    labels = {"task": "order", "queue": "default"}
    names = {"component": "tasks", "operation": "order", **labels}
    assert value("operation_duration_seconds_count", names) == 5
    assert value("operation_rows_total", names) == 10
    assert value("task_waiting_seconds_count", labels) == 5
    retried = {"component": "tasks", "operation": "again", "task": "again", "queue": "default"}
    assert value("operation_duration_seconds_count", retried) == 3
    errors = {**retried, "error_type": "dramatiq.errors.Retry"}
    assert value("operation_errors_total", errors) == 1


def test_traces(broker: StubBroker, traced: vs.Monitor, spans: InMemorySpanExporter) -> None:
    @dramatiq.actor
    def inner() -> None: ...

    @dramatiq.actor
    def outer() -> None:
        inner.send()

    with traced.operation("request"):
        outer.send()
    work(broker)
    found = {span.name: span for span in spans.get_finished_spans()}
    for child, parent in (("inner", "outer"), ("outer", "request")):
        link = found[child].parent
        assert link is not None
        assert link.span_id == found[parent].context.span_id
    assert found["inner"].kind.name == "CONSUMER"
    # Nothing that a task has made current stays current in the thread of a worker.
    assert traced._recorder.internal_errors.counts["end"] == 0


@pytest.mark.once
def test_redis(monitor: vs.Monitor, tmp_path: Any) -> None:
    with run_redis(tmp_path) as redis:
        broker = RedisBroker(url=redis.url)
        dramatiq.set_broker(broker)
        instrument(broker, monitor=monitor)
        broker.emit_after("process_boot")

        @dramatiq.actor(max_retries=0, time_limit=100)
        def slow() -> None:
            for _ in range(3000):
                time.sleep(0.01)

        @dramatiq.actor
        def delayed() -> None: ...

        slow.send()
        poller = poll_queues(broker, ["default"], interval=3600, monitor=monitor)
        poller.poll()
        poller.stop()
        delayed.send_with_options(delay=10)
        work(broker)
        broker.close()
    outcome = outcomes(monitor)
    assert outcome("slow", "timed_out") == 1
    assert outcome("delayed", "succeeded") == 1
    value = monitor.registry.get_sample_value
    assert value("task_queue_length", {"queue": "default"}) == 1


def test_a_broker_that_does_not_know(broker: StubBroker) -> None:
    with pytest.raises(
        vs.ConfigurationError, match="StubBroker cannot tell the length of its queues"
    ):
        poll_queues(broker)
