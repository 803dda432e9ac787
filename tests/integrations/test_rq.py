"""RQ with a process for each job and a real Redis."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from redis import Redis
from rq import Queue, SimpleWorker
from rq.job import Job

import vitalspan as vs
from support import rq_jobs
from support.paths import ROOT
from support.redis_server import RedisServer, run_redis
from support.worker_processes import exposition, make_monitor
from vitalspan.integrations import rq as integration

PROGRAM = """
import os
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from redis import Redis
from rq import Queue, Retry, Worker
from support import rq_jobs as jobs
from vitalspan.integrations.rq import instrument

trace.set_tracer_provider(TracerProvider(shutdown_on_exit=False))
instrument(exclude=["support.rq_jobs.excluded"])
connection = Redis.from_url(os.environ["BROKER"])
queue = Queue("mail", connection=connection)
with trace.get_tracer("test").start_as_current_span("outer") as span:
    first = queue.enqueue(jobs.order, 3)
    outer = f"{span.get_span_context().trace_id:032x}"
for number in range(4):
    queue.enqueue(jobs.order, number)
queue.enqueue(jobs.fail)
queue.enqueue(jobs.fail, retry=Retry(max=1))
queue.enqueue(jobs.again)
queue.enqueue(jobs.slow, job_timeout=1)
queue.enqueue(jobs.killed)
Worker([queue], connection=connection).work(burst=True, logging_level="CRITICAL")
assert first.latest_result().return_value == outer, (first.latest_result().return_value, outer)
"""


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with run_redis(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.mark.once
def test_a_process_for_each_job(redis: RedisServer, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    environ = {
        **os.environ,
        "BROKER": redis.url,
        "VITALSPAN_WORKERS": str(shared),
        "VITALSPAN_SYSTEM_METRICS": "false",
        "PYTHONPATH": os.pathsep.join([str(ROOT / "tests"), *filter(None, sys.path)]),
    }
    subprocess.run([sys.executable, "-c", PROGRAM], env=environ, check=True, timeout=170)
    with closing(make_monitor(shared)) as monitor:
        found = exposition(monitor)

    def outcome(task: str, which: str) -> float:
        labels = f'outcome="{which}",queue="mail",task="support.rq_jobs.{task}"'
        plain = f'task="support.rq_jobs.{task}",queue="mail",outcome="{which}"'
        name = "task_outcomes_total"
        return found.get(f"{name}{{{labels}}}", found.get(f"{name}{{{plain}}}", 0.0))

    def calls(name: str, task: str) -> float:
        task = f"support.rq_jobs.{task}"
        labels = f'component="tasks",operation="{task}",queue="mail",task="{task}"'
        return found.get(f"{name}{{{labels}}}", 0.0)

    assert outcome("order", "succeeded") == 5
    assert (outcome("fail", "failed"), outcome("fail", "retried")) == (2, 1)
    assert (outcome("again", "retried"), outcome("again", "succeeded")) == (1, 0)
    assert outcome("slow", "timed_out") == 1
    assert outcome("killed", "failed") == 1
    assert calls("operation_duration_seconds_count", "order") == 5
    assert calls("operation_rows_total", "order") == 9
    assert calls("operation_duration_seconds_count", "fail") == 3


@pytest.mark.once
def test_a_worker_without_processes(
    redis: RedisServer, monitor: vs.Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for one, name in ((SimpleWorker, "perform_job"), (SimpleWorker, "handle_job_failure")):
        monkeypatch.setattr(one, name, getattr(one, name))
    monkeypatch.setattr(Job, "create", Job.__dict__["create"])
    monkeypatch.setattr(integration, "Worker", SimpleWorker)
    integration.instrument(monitor=monitor)
    integration.instrument(monitor=monitor)
    monitor.clock.advance(1e9)  # type: ignore[attr-defined]
    with closing(Redis.from_url(redis.url)) as connection:
        queue = Queue("simple", connection=connection)
        queue.enqueue(rq_jobs.order, 7)
        SimpleWorker([queue], connection=connection).work(burst=True, logging_level="CRITICAL")
        poller = integration.poll_queues(connection, ["simple"], interval=3600, monitor=monitor)
        queue.enqueue(rq_jobs.order, 7)
        poller.poll()
        poller.stop()
    value = monitor.registry.get_sample_value
    labels = {"task": "support.rq_jobs.order", "queue": "simple"}
    assert value("task_outcomes_total", {**labels, "outcome": "succeeded"}) == 1
    assert value("task_waiting_seconds_count", labels) == 1
    assert value("task_queue_length", {"queue": "simple"}) == 1
