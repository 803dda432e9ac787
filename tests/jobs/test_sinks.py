"""Sinks of jobs: a real Pushgateway, the files of a node exporter, OTLP, URLs."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

import vitalspan as vs
from support.otlp_metrics import run_http_metrics_receiver
from support.promtool import promtool
from support.pushgateway_server import PushgatewayServer, run_pushgateway
from support.waiting import wait_until
from support.webhook_sink import run_hanging, run_sink
from vitalspan.jobs import Job, JobReport, Otlp, Ping, Pushgateway, Sink, Textfile
from vitalspan.jobs.environment import sinks_of_environment

JobOf = Callable[..., Job]


@pytest.fixture
def job(monitor: vs.Monitor) -> JobOf:
    def make(*sinks: Sink, name: str = "nightly", every: str = "24h") -> Job:
        return vs.job(name, every=every, sinks=sinks, monitor=monitor)

    return make


def fail(job: Job) -> None:
    with pytest.raises(OSError, match="broken"), job:
        raise OSError("broken")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PushgatewayServer]:
    with run_pushgateway(tmp_path_factory.mktemp("pushgateway")) as running:
        yield running


@pytest.mark.once
def test_a_failure_leaves_the_last_success_in_the_pushgateway(
    gateway: PushgatewayServer, job: JobOf, clock: vs.ManualClock
) -> None:
    sink = Pushgateway(gateway.url)
    labels = {"job": "nightly", "job_name": "nightly"}
    with job(sink):
        clock.advance(2.5)
    succeeded = clock.wall()
    # A process that knows nothing of the run before.
    later = vs.Monitor(registry=CollectorRegistry(), clock=clock, system_metrics=False)
    clock.advance(1000.0)
    failing = vs.job("nightly", every="24h", sinks=[sink], monitor=later)
    fail(failing)
    assert gateway.value("job_last_success_timestamp_seconds", **labels) == succeeded
    assert gateway.value("job_last_finished_timestamp_seconds", **labels) == clock.wall()
    assert gateway.value("job_last_outcome", outcome="failed", **labels) == 1
    assert gateway.value("job_last_outcome", outcome="succeeded", **labels) == 0
    assert gateway.value("push_failure_time_seconds", job="nightly") == 0
    failing.forget()
    assert gateway.value("job_last_finished_timestamp_seconds", **labels) is None
    later.close()


@pytest.mark.once
def test_a_run_that_goes_on_shows_in_the_pushgateway(
    gateway: PushgatewayServer, job: JobOf
) -> None:
    labels = {"job": "going on", "job_name": "going on"}
    with job(Pushgateway(gateway.url), name="going on") as call:
        call.add("rows")
        wait_until(lambda: gateway.value("job_last_started_timestamp_seconds", **labels))
        assert gateway.value("job_last_finished_timestamp_seconds", **labels) is None


@pytest.mark.once
@pytest.mark.parametrize("name", ["a/b", "näch/tlich", " ", "x" * 200, "50%"])
def test_any_names_and_labels_reach_the_pushgateway(
    name: str, gateway: PushgatewayServer, monitor: vs.Monitor
) -> None:
    if name == " ":
        with pytest.raises(vs.ConfigurationError):
            vs.job(name, monitor=monitor)
        return
    sink = Pushgateway(f"{gateway.url}/", labels={"shard": "eu/1", "empty": "", "path": "/"})
    job = vs.job(name, sinks=[sink], monitor=monitor)
    with job:
        pass
    # An empty label is the same as none.
    found = gateway.value(
        "job_last_exit_status", job=name, job_name=name, shard="eu/1", path="/", empty=""
    )
    assert found == 0
    job.forget()


def test_a_pushgateway_that_is_down(job: JobOf, caplog: pytest.LogCaptureFixture) -> None:
    with job(Pushgateway("http://ada:secret@127.0.0.1:1/?token=secret")):
        pass
    assert "Pushgateway http://127.0.0.1:1/...: " in caplog.text
    assert "secret" not in caplog.text


def test_a_pushgateway_that_never_answers(job: JobOf, caplog: pytest.LogCaptureFixture) -> None:
    with run_hanging() as url, job(Pushgateway(url, timeout=0.1)):
        pass
    assert "timed out" in caplog.text


def test_labels_that_cannot_be() -> None:
    with pytest.raises(vs.ConfigurationError, match="label job is set to the name of the job"):
        Pushgateway("http://x", labels={"job": "x"})
    with pytest.raises(vs.ConfigurationError, match="label 'a-b' is not a valid name"):
        Pushgateway("http://x", labels={"a-b": "x"})


def test_a_textfile(job: JobOf, tmp_path: Path, clock: vs.ManualClock) -> None:
    nightly = job(Textfile(tmp_path))
    path = tmp_path / "vitalspan_job_nightly.prom"
    with nightly:
        pass
    succeeded = clock.wall()
    clock.advance(60.0)
    later = vs.Monitor(registry=CollectorRegistry(), clock=clock, system_metrics=False)
    fail(vs.job("nightly", sinks=[Textfile(tmp_path)], monitor=later))
    text = path.read_text()
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(lines['job_last_success_timestamp_seconds{job_name="nightly"}']) == succeeded
    assert float(lines['job_last_outcome{job_name="nightly",outcome="failed"}']) == 1
    assert promtool("check", "metrics", given=text.encode()) == ""
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    nightly.forget()
    assert list(tmp_path.iterdir()) == []
    nightly.forget()
    later.close()


@pytest.mark.parametrize("content", [b"\xff{ 1 nonsense", b'{"a.b", ="c"} 3\n'])
def test_a_textfile_that_is_none(job: JobOf, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "vitalspan_job_nightly.prom"
    path.write_bytes(content)
    with job(Textfile(tmp_path)):
        pass
    assert "job_last_exit_status" in path.read_text()


def test_a_directory_that_is_not_there(
    job: JobOf, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with job(Textfile(tmp_path / "missing")):
        pass
    assert f"textfile directory {tmp_path / 'missing'}: " in caplog.text


@settings(max_examples=40)
@given(st.text(min_size=1, max_size=256))
def test_the_file_of_any_job_is_in_the_directory(name: str) -> None:
    path = Textfile("/metrics")._path(name)
    assert path.parent == Path("/metrics")
    assert len(path.name.encode()) < 255


@given(st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=40))
def test_two_jobs_have_two_files(one: str, other: str) -> None:
    textfile = Textfile("/metrics")
    assert (textfile._path(one) == textfile._path(other)) == (quote(one) == quote(other))


def test_otlp(job: JobOf, clock: vs.ManualClock) -> None:
    with run_http_metrics_receiver() as receiver:
        with job(Otlp(receiver.endpoint)):
            receiver.wait_for(1)
            clock.advance(3.0)
        names = [{metric.name for metric in _metrics(one)} for one in receiver.wait_for(2)]
        [duration] = receiver.points()["job_last_duration_seconds"]
    assert duration.as_double == 3
    assert "job_last_started_timestamp_seconds" in names[0]
    assert "job_last_success_timestamp_seconds" not in names[0]
    assert "job_last_success_timestamp_seconds" in names[1]


def _metrics(request: Any) -> Iterator[Any]:
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            yield from scope.metrics


def test_otlp_that_is_down(
    job: JobOf, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "100")
    with job(Otlp("http://127.0.0.1:1")):
        pass
    assert "OTLP receiver http://127.0.0.1:1" in caplog.text


def test_a_ping(job: JobOf) -> None:
    with run_sink() as sink:
        url = f"{sink.url}/ping/c0ffee"
        with job(Ping(url)):
            pass
        fail(job(Ping(url)))
        paths = [one.path for one in sink.posted]
        assert paths == [
            "/ping/c0ffee/start",
            "/ping/c0ffee",
            "/ping/c0ffee/start",
            "/ping/c0ffee/fail",
        ]
        assert sink.documents()[-1]["outcome"] == "failed"
        assert sink.documents()[-1]["exit_status"] == 1


def test_a_ping_of_another_kind(job: JobOf) -> None:
    with run_sink() as sink:
        ping = Ping(
            f"{sink.url}/x?a=b", start=None, success="&state=complete", failure="&state=fail"
        )
        with job(ping):
            pass
        assert [one.path for one in sink.posted] == ["/x?a=b&state=complete"]


def test_a_ping_that_is_refused(job: JobOf, caplog: pytest.LogCaptureFixture) -> None:
    with run_sink() as sink:
        sink.status = 404
        with job(Ping(f"{sink.url}/secret")):
            pass
    assert "answered 404" in caplog.text
    assert "secret" not in caplog.text


def test_sinks_of_the_environment(tmp_path: Path) -> None:
    found = sinks_of_environment(
        {
            "VITALSPAN_JOB_PUSHGATEWAY": "http://localhost:9091",
            "VITALSPAN_JOB_TEXTFILE": str(tmp_path),
            "VITALSPAN_JOB_PING": "https://ada:pass@hc.example/secret",
            "VITALSPAN_JOB_OTLP": "true",
        }
    )
    assert [repr(sink) for sink in found] == [
        "Pushgateway('http://localhost:9091')",
        f"Textfile({str(tmp_path)!r})",
        "Ping('https://hc.example/...')",
        "Otlp('http://localhost:4318')",
    ]
    assert sinks_of_environment({"VITALSPAN_JOB_OTLP": "off", "VITALSPAN_JOB_PING": " "}) == ()
    found = sinks_of_environment(
        {
            "VITALSPAN_JOB_PUSHGATEWAY": "gateway:9091",
            "VITALSPAN_JOB_PING": "hc.example",
            "VITALSPAN_JOB_OTLP": "collector:4318",
        }
    )
    assert [repr(sink) for sink in found] == [
        "Pushgateway('http://gateway:9091')",
        "Ping('http://hc.example')",
        "Otlp('http://collector:4318')",
    ]
    with pytest.raises(vs.ConfigurationError, match="VITALSPAN_JOB_PUSHGATEWAY: Pushgateway: the"):
        sinks_of_environment({"VITALSPAN_JOB_PUSHGATEWAY": "ftp://localhost:9091"})


def test_a_report_knows_what_it_knows() -> None:
    report = JobReport("x", 1.0)
    assert [family.name for family, _, _ in report.samples()] == [
        "job_last_started_timestamp_seconds"
    ]
