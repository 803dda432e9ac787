"""Jobs as context managers and decorators: outcomes, metrics, spans, signals."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry, Gauge

import vitalspan as vs
from support.subprograms import run_program
from vitalspan.jobs import Job, JobReport
from vitalspan.jobs.outcome import Ending, ending_of_command, ending_of_exception


class Told:
    """A sink that remembers what it was told."""

    shown = "told"

    def __init__(self, problem: Exception | None = None) -> None:
        self.reports: list[JobReport] = []
        self.forgotten: list[str] = []
        self._problem = problem

    def started(self, report: JobReport) -> None:
        self._take(report)

    finished = started

    def forget(self, report: JobReport) -> None:
        self.forgotten.append(report.name)

    def _take(self, report: JobReport) -> None:
        self.reports.append(report)
        if self._problem is not None:
            raise self._problem


Read = Callable[..., float | None]


@pytest.fixture
def value(registry: CollectorRegistry) -> Read:
    def read(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, {"job_name": "nightly", **labels})

    return read


def test_a_run_that_succeeds(monitor: vs.Monitor, clock: vs.ManualClock, value: Read) -> None:
    told = Told()
    began = clock.wall()
    with vs.job("nightly", every="24h", sinks=[told], monitor=monitor) as call:
        call.add("rows", 25)
        clock.advance(30.0)
        assert value("job_last_started_timestamp_seconds") == began
        assert value("job_last_finished_timestamp_seconds") is None
    assert value("job_last_finished_timestamp_seconds") == began + 30
    assert value("job_last_success_timestamp_seconds") == began + 30
    assert value("job_last_duration_seconds") == 30
    assert value("job_last_exit_status") == 0
    assert value("job_last_outcome", outcome="succeeded") == 1
    assert value("job_last_outcome", outcome="failed") == 0
    assert value("job_expected_interval_seconds") == 86400
    assert value("job_grace_seconds") == 8640
    assert value("job_expected_duration_seconds") == 86400
    started, finished = told.reports
    assert (started.running, finished.running) == (True, False)
    assert (finished.outcome, finished.exit_status, finished.duration) == ("succeeded", 0, 30)
    labels = {"component": "jobs", "operation": "nightly"}
    read = monitor.registry.get_sample_value
    assert read("operation_duration_seconds_sum", labels) == 30
    assert read("operation_rows_total", labels) == 25


def test_a_run_that_fails_leaves_the_last_success(
    monitor: vs.Monitor, clock: vs.ManualClock, value: Read
) -> None:
    told = Told()
    job = vs.job("nightly", sinks=[told], monitor=monitor)
    with job:
        pass
    succeeded = clock.wall()
    clock.advance(100.0)
    with pytest.raises(KeyError, match="order"), job:
        raise KeyError("order")
    assert value("job_last_success_timestamp_seconds") == succeeded
    assert value("job_last_finished_timestamp_seconds") == succeeded + 100
    assert value("job_last_outcome", outcome="failed") == 1
    assert value("job_last_exit_status") == 1
    assert told.reports[-1].last_success == succeeded
    assert value("job_expected_interval_seconds") is None


@pytest.mark.parametrize(
    ("error", "ending"),
    [
        (None, Ending("succeeded", 0)),
        (SystemExit(), Ending("succeeded", 0)),
        (SystemExit(0), Ending("succeeded", 0)),
        (SystemExit(3), Ending("failed", 3)),
        (SystemExit(257), Ending("failed", 1)),
        (SystemExit("no such file"), Ending("failed", 1)),
        (ValueError(), Ending("failed", 1)),
        (KeyboardInterrupt(), Ending("terminated", 130)),
        (asyncio.CancelledError(), Ending("terminated", 1)),
    ],
)
def test_outcomes_of_what_is_raised(error: BaseException | None, ending: Ending) -> None:
    assert ending_of_exception(error) == ending


@given(st.integers(-64, 255))
def test_outcomes_of_commands(returncode: int) -> None:
    outcome, status = ending_of_command(returncode)
    assert (outcome == "succeeded") == (returncode == 0) == (status == 0)
    assert status == (returncode if returncode >= 0 else 128 - returncode)
    assert (outcome == "terminated") == (-returncode in (1, 2, 3, 15))


def test_a_run_that_says_itself_that_it_failed(monitor: vs.Monitor, value: Read) -> None:
    with vs.job("nightly", sinks=[], monitor=monitor) as call:
        call.fail("half of the rows are missing")
    assert value("job_last_outcome", outcome="failed") == 1
    assert value("job_last_success_timestamp_seconds") is None


@pytest.mark.parametrize("problem", [OSError("down"), KeyError(), RuntimeError("no")])
def test_a_sink_that_is_down_fails_nothing(
    problem: Exception,
    monitor: vs.Monitor,
    value: Read,
    sample: Read,
    caplog: pytest.LogCaptureFixture,
) -> None:
    bad, good = Told(problem), Told()
    with vs.job("nightly", sinks=[bad, good], monitor=monitor):
        pass
    assert value("job_last_outcome", outcome="succeeded") == 1
    assert [report.running for report in good.reports] == [True, False]
    assert sample("vitalspan_internal_errors_total", where="job") == 2
    assert "job nightly could not be reported: told: " in caplog.text


def test_a_decorated_function(monitor: vs.Monitor, value: Read, clock: vs.ManualClock) -> None:
    @vs.job("nightly", every=3600, grace="5m", within=timedelta(minutes=10), monitor=monitor)
    def work(number: int) -> int:
        """Work."""
        vs.current_call().add("rows", number)
        return number + 1

    assert (work.__name__, work.__doc__) == ("work", "Work.")
    assert value("job_declared_timestamp_seconds") == clock.wall()
    assert value("job_last_started_timestamp_seconds") is None
    assert [work(1), work(2)] == [2, 3]
    assert value("job_grace_seconds") == 300
    assert value("job_expected_duration_seconds") == 600
    labels = {"component": "jobs", "operation": "nightly"}
    assert monitor.registry.get_sample_value("operation_rows_total", labels) == 3


def test_coroutines(monitor: vs.Monitor, run: Any, value: Read) -> None:
    told = Told()
    job = vs.job("nightly", sinks=[told], monitor=monitor)

    @job
    async def work(seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def side_by_side() -> None:
        await asyncio.gather(work(0), work(0))
        task = asyncio.create_task(work(60))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(side_by_side())
    ended = [report.outcome for report in told.reports if not report.running]
    assert ended == ["succeeded", "succeeded", "terminated"]
    assert value("job_last_outcome", outcome="terminated") == 1


def test_jobs_within_jobs(monitor: vs.Monitor, registry: CollectorRegistry) -> None:
    inner = vs.job("inner", sinks=[], monitor=monitor)
    with vs.job("outer", sinks=[], monitor=monitor):
        with pytest.raises(OSError, match="broken"), inner:
            raise OSError("broken")
        with inner:
            pass
    for name in ("inner", "outer"):
        labels = {"job_name": name, "outcome": "succeeded"}
        assert registry.get_sample_value("job_last_outcome", labels) == 1


def test_blocks_that_end_in_another_order(monitor: vs.Monitor) -> None:
    told = Told()

    def work(name: str) -> Iterator[None]:
        with vs.job(name, sinks=[told], monitor=monitor):
            yield

    for _ in zip(work("first"), work("second"), strict=False):
        pass
    ended = {report.name: report.outcome for report in told.reports if not report.running}
    assert ended == {"first": "succeeded", "second": "terminated"}


def test_the_trace_of_the_environment(
    traced: vs.Monitor, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    monkeypatch.setenv("TRACEPARENT", f"00-{trace}-{parent}-01")
    monkeypatch.setenv("BAGGAGE", "tenant=ada")
    with vs.job("nightly", sinks=[], monitor=traced):
        assert baggage.get_baggage("tenant") == "ada"
    assert baggage.get_baggage("tenant") is None
    [span] = spans.get_finished_spans()
    assert f"{span.context.trace_id:032x}" == trace
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == parent


def test_a_job_within_a_span_belongs_to_it(
    traced: vs.Monitor, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACEPARENT", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    with traced.operation("outer"), vs.job("nightly", sinks=[], monitor=traced):
        pass
    inner, outer = spans.get_finished_spans()
    assert inner.parent is not None
    assert inner.parent.span_id == outer.context.span_id


@pytest.mark.parametrize("workers", [False, True])
def test_sigterm_is_an_outcome(workers: bool, tmp_path: Path) -> None:
    """The blocks around the job are left in order, and the exit status is that of a shell."""
    printed = run_program(
        """
import signal, os
from vitalspan.jobs import JobReport

class Printing:
    shown = "printing"
    def started(self, report): pass
    def finished(self, report): print(report.outcome, report.exit_status, flush=True)
    def forget(self, report): pass

try:
    with vs.job("nightly", sinks=[Printing()]):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()
        finally:
            print("cleaning up", flush=True)
except SystemExit as ended:
    print(type(ended).__name__, ended.code)
handler = signal.getsignal(signal.SIGTERM)
assert (handler is signal.SIG_DFL) == (not os.environ["VITALSPAN_WORKERS"])
""",
        measured=False,  # coverage has a handler of its own
        VITALSPAN_WORKERS=str(tmp_path) if workers else "",
    )
    assert printed.splitlines() == ["cleaning up", "terminated 143", "Terminated 143"]


def test_sigterm_in_tasks_with_jobs_that_overlap() -> None:
    printed = run_program(
        """
import asyncio, os, signal

class Printing:
    shown = "printing"
    def started(self, report): pass
    def finished(self, report): print(report.name, report.outcome, report.exit_status, flush=True)
    def forget(self, report): pass

async def main():
    begun, ended = asyncio.Event(), asyncio.Event()
    async def first():
        async with vs.job("first", sinks=[Printing()]):
            await begun.wait()
        ended.set()
    async def second():
        async with vs.job("second", sinks=[Printing()]):
            begun.set()
            await ended.wait()
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(60)
    await asyncio.gather(first(), second())

try:
    asyncio.run(main())
except SystemExit as ended:
    print(ended.code)
assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
""",
        measured=False,  # coverage has a handler of its own
        VITALSPAN_WORKERS="",
    )
    assert printed.splitlines() == ["first succeeded 0", "second terminated 143", "143"]


def test_a_handler_of_the_program_is_left_alone(monitor: vs.Monitor) -> None:
    def handler(*_: object) -> None:
        raise SystemExit(7)

    before = signal.signal(signal.SIGTERM, handler)
    try:
        with pytest.raises(SystemExit), vs.job("nightly", sinks=[], monitor=monitor):
            signal.raise_signal(signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.fixture
def _no_handler() -> Iterator[None]:
    """SIGTERM as a program finds it that has no handler: coverage has one."""
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("_no_handler")
def test_a_signal_while_sinks_are_told_waits(monitor: vs.Monitor) -> None:
    class Signalling(Told):
        def _take(self, report: JobReport) -> None:
            super()._take(report)
            if not report.running:
                signal.raise_signal(signal.SIGTERM)

    told = Signalling()
    with pytest.raises(SystemExit) as ended, vs.job("nightly", sinks=[told], monitor=monitor):
        pass
    assert ended.value.code == 143
    assert told.reports[-1].outcome == "succeeded"


def test_a_clock_that_is_set_back(monitor: vs.Monitor, clock: vs.ManualClock, value: Read) -> None:
    with vs.job("nightly", sinks=[], monitor=monitor):
        clock.advance(5.0)
        clock.step_wall(-3600.0)
    assert value("job_last_duration_seconds") == 5
    assert value("job_last_finished_timestamp_seconds") == value(
        "job_last_started_timestamp_seconds"
    )


def test_a_job_that_is_forgotten(monitor: vs.Monitor, value: Read) -> None:
    told = Told()
    job = vs.job("nightly", every="1h", sinks=[told], monitor=monitor)
    with job:
        pass
    job.forget()
    assert told.forgotten == ["nightly"]
    assert value("job_last_success_timestamp_seconds") is None
    assert value("job_last_outcome", outcome="succeeded") is None
    job.forget()


def test_a_prefix(registry: CollectorRegistry) -> None:
    monitor = vs.Monitor(registry=registry, metric_prefix="shop_", system_metrics=False)
    with vs.job("nightly", sinks=[], monitor=monitor):
        pass
    assert registry.get_sample_value("shop_job_last_exit_status", {"job_name": "nightly"}) == 0
    monitor.close()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda monitor: vs.job("", monitor=monitor), "give a name"),
        (lambda monitor: vs.job("x", every="soon", monitor=monitor), "job: every: 'soon' is not"),
        (lambda monitor: vs.job("x", within=0, monitor=monitor), "job: within=0: give a"),
        (lambda monitor: vs.job("x", sinks=["http://x"], monitor=monitor), "x: 'http://x' is no"),
    ],
)
def test_what_cannot_be(monitor: vs.Monitor, make: Any, message: str) -> None:
    with pytest.raises(vs.ConfigurationError, match=message):
        make(monitor)


def test_what_cannot_be_decorated(monitor: vs.Monitor) -> None:
    def generator() -> Any:
        yield

    job = Job("x", monitor=monitor)
    for wrong in (generator, int, 3):
        with pytest.raises(TypeError, match="job x: "):
            job(wrong)  # type: ignore[type-var]


def test_metrics_that_are_taken(monitor: vs.Monitor, registry: CollectorRegistry) -> None:
    Gauge("job_last_exit_status", "Somebody's.", registry=registry)
    with pytest.raises(vs.ConfigurationError, match="metric_prefix"):
        vs.job("x", monitor=monitor)


def test_threads_have_no_signal_handlers(monitor: vs.Monitor, value: Read) -> None:
    import threading

    def work() -> None:
        with vs.job("nightly", sinks=[], monitor=monitor):
            pass

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert value("job_last_exit_status") == 0
    assert sys.exc_info() == (None, None, None)
