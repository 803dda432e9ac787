"""Thread pools that carry the context, and show what waits."""

from __future__ import annotations

import asyncio
import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import vitalspan as vs
from vitalspan.integrations.executor import Executor, with_context


def test_spans_in_the_pool_have_their_parents(
    traced: vs.Monitor, spans: InMemorySpanExporter, run: Any
) -> None:
    def work(number: int) -> int:
        with traced.operation("work"):
            return number

    async def main() -> None:
        loop = asyncio.get_running_loop()
        with traced.operation("outer"):
            assert pool.submit(work, 1).result() == 1
            assert list(pool.map(work, [2, 3])) == [2, 3]
            assert await loop.run_in_executor(pool, work, 4) == 4
            with ThreadPoolExecutor(1) as other:
                assert list(other.map(with_context(work), [5, 6])) == [5, 6]

    with Executor(2, name="work", monitor=traced) as pool:
        run(main())
    [outer] = [span for span in spans.get_finished_spans() if span.name == "outer"]
    inner = [span for span in spans.get_finished_spans() if span.name == "work"]
    assert len(inner) == 6
    assert {span.parent and span.parent.span_id for span in inner} == {outer.context.span_id}


def test_what_waits_is_shown(monitor: vs.Monitor) -> None:
    value = monitor.registry.get_sample_value
    labels = {"executor": "reports"}
    release, started = threading.Event(), threading.Event()

    def block() -> None:
        started.set()
        release.wait(60)

    with Executor(1, name="reports", monitor=monitor) as pool:
        pool.submit(block)
        started.wait(60)
        for _ in range(3):
            pool.submit(release.wait, 60)
        assert value("executor_queue_length", labels) == 3
        assert value("executor_threads", labels) == 1
        release.set()
    assert value("executor_queue_length", labels) == 0
    del pool
    gc.collect()
    assert value("executor_queue_length", labels) is None
