"""Celery with a pool of processes and a real Redis."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import Celery
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

import vitalspan as vs
from support.paths import ROOT
from support.redis_server import RedisServer, run_redis
from support.waiting import wait_until
from support.worker_processes import make_monitor
from vitalspan.integrations.celery import instrument, poll_queues

SHOP = "support.celery_shop."

SEND = """
from datetime import datetime, timedelta, timezone
from opentelemetry import baggage, context, trace
from support import celery_shop as shop

context.attach(baggage.set_baggage("tenant", "ada"))
with trace.get_tracer("test").start_as_current_span("outer") as span:
    shop.mail.delay()
    print(f"{span.get_span_context().trace_id:032x}")
for number in range(20):
    shop.order.delay(number)
for name in ("excluded", "fail", "again", "reject", "slow", "stuck", "leave"):
    getattr(shop, name).delay()
shop.order.apply_async([1], expires=datetime.now(timezone.utc) - timedelta(minutes=1))
shop.app.send_task("nobody.knows")
shop.unwanted.apply_async(task_id="unwanted")
"""


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with run_redis(tmp_path_factory.mktemp("redis")) as running:
        yield running


def merged(directory: Path) -> CollectorRegistry:
    """What all processes of the service have counted."""
    monitor = make_monitor(directory)
    try:
        text = monitor.generate_latest().decode()
    finally:
        monitor.close()

    class Read:
        def collect(self) -> object:
            return list(text_string_to_metric_families(text))

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Read())  # type: ignore[arg-type]
    return registry


@pytest.mark.once
def test_a_pool_of_processes(redis: RedisServer, tmp_path: Path) -> None:
    shared, done = tmp_path / "shared", tmp_path / "done"
    done.mkdir()
    environ = {
        **os.environ,
        "BROKER": redis.url,
        "DONE": str(done),
        "VITALSPAN_WORKERS": str(shared),
        "VITALSPAN_SYSTEM_METRICS": "false",
        "VITALSPAN_PUBLISH_INTERVAL": "0.2",
        "PYTHONPATH": os.pathsep.join([str(ROOT / "tests"), *filter(None, sys.path)]),
    }
    sent = subprocess.run(
        [sys.executable, "-c", SEND], env=environ, check=True, stdout=subprocess.PIPE, text=True
    )
    command = [
        *(sys.executable, "-m", "celery", "-A", "support.celery_shop", "worker", "-Q"),
        *("celery,mail", "--pool", "prefork", "--concurrency", "2", "--loglevel", "CRITICAL"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
    ]
    process = subprocess.Popen(command, env=environ, cwd=tmp_path, stdout=subprocess.DEVNULL)
    try:
        wait_until((done / "unwanted").exists, 60)
        with Celery(broker=redis.url, set_as_current=False) as sender:
            sender.control.revoke("unwanted", terminate=True)
        wait_until((done / "trace").exists, 60)
        for task, which in (("unwanted", "revoked"), ("leave", "failed")):
            labels = {"task": SHOP + task, "queue": "celery", "outcome": which}
            wait_until(
                lambda labels=labels: merged(shared).get_sample_value(
                    "task_outcomes_total", labels
                ),
                60,
            )
        stuck = {"task": f"{SHOP}stuck", "queue": "celery", "outcome": "timed_out"}
        wait_until(lambda: merged(shared).get_sample_value("task_outcomes_total", stuck), 60)
        again = {"task": f"{SHOP}again", "queue": "celery", "outcome": "succeeded"}
        wait_until(lambda: merged(shared).get_sample_value("task_outcomes_total", again), 60)
        with urllib.request.urlopen((done / "url").read_text(), timeout=60) as served:
            assert b'outcome="succeeded",queue="mail"' in served.read().replace(b", ", b",")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    registry = merged(shared)
    value = registry.get_sample_value

    def outcome(task: str, which: str, queue: str = "celery") -> float:
        labels = {"task": SHOP + task, "queue": queue, "outcome": which}
        return value("task_outcomes_total", labels) or 0.0

    def calls(name: str, task: str, queue: str = "celery", **labels: str) -> float:
        names = {"operation": SHOP + task, "component": "tasks", "task": SHOP + task}
        return value(name, {**names, "queue": queue, **labels}) or 0.0

    assert outcome("order", "succeeded") == 20
    assert outcome("order", "expired") == 1
    assert outcome("mail", "succeeded", "mail") == 1
    assert outcome("fail", "failed") == 1
    assert (outcome("again", "retried"), outcome("again", "succeeded")) == (2, 1)
    assert outcome("reject", "rejected") == 1
    assert outcome("slow", "timed_out") == 1
    assert outcome("stuck", "timed_out") == 1
    # Of a process that ends, the main process says how its task did, and nobody says it twice.
    assert (outcome("unwanted", "revoked"), outcome("unwanted", "failed")) == (1, 0)
    assert (outcome("leave", "failed"), outcome("leave", "revoked")) == (1, 0)
    assert outcome("excluded", "succeeded") == 0
    unknown = {"task": "_OTHER", "queue": "celery", "outcome": "rejected"}
    assert value("task_outcomes_total", unknown) == 1

    assert calls("operation_duration_seconds_count", "order") == 20
    assert calls("operation_rows_total", "order") == sum(range(20))
    assert calls("operation_duration_seconds_count", "again") == 3
    assert calls("operation_errors_total", "again") == 0
    assert calls("operation_errors_total", "fail", error_type="ValueError") == 1
    limit = "celery.exceptions.SoftTimeLimitExceeded"
    limits = {limit, "billiard.exceptions.SoftTimeLimitExceeded"}
    assert sum(calls("operation_errors_total", "slow", error_type=one) for one in limits) == 1
    assert calls("operation_cancellations_total", "unwanted") == 1
    assert calls("operation_errors_total", "unwanted") == 0
    assert calls("operation_duration_seconds_count", "excluded") == 0
    waited = {"task": f"{SHOP}order", "queue": "celery"}
    assert value("task_waiting_seconds_count", waited) == 20
    in_progress = {"operation": f"{SHOP}order", "component": "tasks", **waited}
    assert value("operation_in_progress", in_progress) == 0

    trace_id, tenant = (done / "trace").read_text().split()
    assert (trace_id, tenant) == (sent.stdout.strip(), "ada")
    assert value("vitalspan_internal_errors_total", {"where": "begin"}) == 0
    assert value("vitalspan_internal_errors_total", {"where": "end"}) == 0


@pytest.mark.once
def test_the_length_of_queues(
    redis: RedisServer, monitor: vs.Monitor, caplog: pytest.LogCaptureFixture
) -> None:
    app = Celery("lengths", broker=redis.url)
    poller = poll_queues(app, ["polled", "missing"], interval=3600, monitor=monitor)
    try:
        value = monitor.registry.get_sample_value
        with app.connection_for_write() as connection:
            for _ in range(3):
                app.send_task("x", queue="polled", connection=connection)
        poller.poll()
        assert value("task_queue_length", {"queue": "polled"}) == 3
    finally:
        poller.stop()
        app.close()


def test_a_broker_that_is_away(monitor: vs.Monitor, caplog: pytest.LogCaptureFixture) -> None:
    from vitalspan.integrations.queue_poller import QueuePoller

    answers = iter([5, OSError("away"), OSError("away"), 7])

    def read(queue: str) -> int:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    poller = QueuePoller(read, ["mail"], monitor=monitor)
    seen = []
    for _ in range(4):
        poller.poll()
        seen.append(monitor.registry.get_sample_value("task_queue_length", {"queue": "mail"}))
    assert seen == [5, None, None, 7]
    assert caplog.text.count("the length of the queue mail could not be read: away") == 1


def test_eager_tasks(monitor: vs.Monitor) -> None:
    app = Celery("eager", broker="memory://", set_as_current=False)
    app.conf.task_always_eager = True
    instrument(app, monitor=monitor)
    instrument(app, monitor=monitor)

    @app.task(name="double", shared=False)
    def double(number: int) -> int:
        vs.current_call().add("rows")
        return 2 * number

    assert double.delay(4).get() == 8
    value = monitor.registry.get_sample_value
    labels = {"task": "double", "queue": ""}
    assert value("task_outcomes_total", {**labels, "outcome": "succeeded"}) == 1
    assert value("task_waiting_seconds_count", labels) is None
    app.close()


def test_mistakes(monitor: vs.Monitor) -> None:
    app = Celery("mistakes", broker="memory://", set_as_current=False)
    with pytest.raises(TypeError, match="there is no option 'exclud': use one of monitor"):
        instrument(app, exclud=["x"])  # type: ignore[call-arg]
    with pytest.raises(vs.ConfigurationError, match="exclude='x': use a sequence"):
        instrument(app, exclude="x")
    with pytest.raises(vs.ConfigurationError, match="queues='celery': use a sequence"):
        poll_queues(app, "celery", monitor=monitor)
    with pytest.raises(vs.ConfigurationError, match="interval=0: use seconds"):
        poll_queues(app, ["celery"], interval=0, monitor=monitor)
    app.close()
