"""The preset of rules about jobs, in the process and in Prometheus."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

import vitalspan as vs
from support.promtool import promtool
from vitalspan.cli.main import main

HOUR = 3600.0


def firing(monitor: vs.Monitor) -> set[str]:
    """What fires a minute later."""
    assert isinstance(monitor.clock, vs.ManualClock)
    monitor.clock.advance(60.0)
    monitor.tick()
    return {alert.alertname for alert in monitor.alerts.active() if alert.state == "firing"}


@pytest.fixture
def ruled(clock: vs.ManualClock, tmp_path: Path) -> vs.Monitor:
    path = tmp_path / "rules.yml"
    path.write_text("presets: [jobs]\n")
    monitor = vs.Monitor(registry=CollectorRegistry(), clock=clock, system_metrics=False)
    monitor.rules.load(path)
    return monitor


def test_a_job_that_nobody_starts(ruled: vs.Monitor, clock: vs.ManualClock) -> None:
    job = vs.job("nightly", every="24h", sinks=[], monitor=ruled)
    assert firing(ruled) == set()
    clock.advance(26 * HOUR)
    assert firing(ruled) == set()
    clock.advance(HOUR)
    assert firing(ruled) == {"JobMissed"}
    [alert] = ruled.alerts.active()
    assert alert.message == "nightly has not succeeded when it should have"
    with job:
        clock.advance(60.0)
    assert firing(ruled) == set()
    clock.advance(27 * HOUR)
    assert firing(ruled) == {"JobMissed"}
    ruled.close()


def test_a_job_that_fails(ruled: vs.Monitor, clock: vs.ManualClock) -> None:
    job = vs.job("nightly", every="24h", sinks=[], monitor=ruled)
    with pytest.raises(OSError, match="broken"), job:
        raise OSError("broken")
    assert firing(ruled) == {"JobFailed"}
    [alert] = ruled.alerts.active()
    assert alert.message == "nightly has failed"
    assert alert.severity == "error"
    with job:
        assert "JobFailed" in firing(ruled)
    clock.advance(60.0)
    assert "JobFailed" not in firing(ruled)
    ruled.close()


def test_a_job_that_never_ends(ruled: vs.Monitor, clock: vs.ManualClock) -> None:
    with vs.job("nightly", every="24h", within="2h", sinks=[], monitor=ruled):
        assert firing(ruled) == set()
        clock.advance(2 * HOUR)
        assert firing(ruled) == {"JobNeverFinished"}
    clock.advance(60.0)
    assert firing(ruled) == set()
    ruled.close()


def test_a_job_that_takes_long(ruled: vs.Monitor, clock: vs.ManualClock) -> None:
    job = vs.job("hourly", every="1h", within="1d", sinks=[], monitor=ruled)
    for _ in range(6):
        with job:
            clock.advance(100.0)
        for _ in range(35):
            clock.advance(40.0)
            assert firing(ruled) == set()
    with job:
        clock.advance(145.0)
        assert firing(ruled) == set()
        assert firing(ruled) == {"JobTakesLong"}
    clock.advance(60.0)
    assert firing(ruled) == {"JobTakesLong"}
    ruled.close()


CASES = """
rule_files: [rules.yml]
evaluation_interval: 1m
tests:
  # A Pushgateway: pushed by several runs. Time begins at 0.
  - interval: 1h
    input_series:
      - series: job_last_success_timestamp_seconds{job="gateway", job_name="nightly"}
        values: 0x30
      - series: job_expected_interval_seconds{job="gateway", job_name="nightly"}
        values: 86400x30
      - series: job_grace_seconds{job="gateway", job_name="nightly"}
        values: 8640x30
    alert_rule_test:
      - {eval_time: 26h, alertname: JobMissed, exp_alerts: []}
      - eval_time: 27h
        alertname: JobMissed
        exp_alerts:
          - exp_labels: {job: gateway, job_name: nightly, severity: error, preset: jobs}
            exp_annotations:
              summary: nightly has not succeeded when it should have
              description: >-
                Its last success is 1d 3h 0m 0s ago. It may not have been started, or its runs fail.
  - interval: 1m
    input_series:
      # Started at minute 10, ended at minute 20 with a failure.
      - series: job_last_started_timestamp_seconds{job_name="nightly"}
        values: 0x9 600x60
      - series: job_last_finished_timestamp_seconds{job_name="nightly"}
        values: 60x19 1200x50
      - series: job_expected_duration_seconds{job_name="nightly"}
        values: 480x70
      - series: job_last_duration_seconds{job_name="nightly"}
        values: 60x19 600x50
      - series: job_last_outcome{job_name="nightly", outcome="failed"}
        values: 0x19 1x50
      - series: job_last_outcome{job_name="nightly", outcome="succeeded"}
        values: 1x19 0x50
    alert_rule_test:
      - {eval_time: 9m, alertname: JobNeverFinished, exp_alerts: []}
      - {eval_time: 18m, alertname: JobNeverFinished, exp_alerts: []}
      - eval_time: 19m
        alertname: JobNeverFinished
        exp_alerts:
          - exp_labels: {job_name: nightly, severity: error, preset: jobs}
            exp_annotations:
              summary: nightly has started and never finished
              description: It was started 9m 0s ago, and nobody has said how it ended.
      - {eval_time: 21m, alertname: JobNeverFinished, exp_alerts: []}
      - {eval_time: 12m, alertname: JobTakesLong, exp_alerts: []}
      - eval_time: 13m
        alertname: JobTakesLong
        exp_alerts:
          - exp_labels: {job_name: nightly, severity: warning, preset: jobs}
            exp_annotations:
              summary: nightly takes longer than usual
              description: >-
                A run has taken 3m 0s, more than twice as long as runs usually take.
      - {eval_time: 19m, alertname: JobFailed, exp_alerts: []}
      - eval_time: 21m
        alertname: JobFailed
        exp_alerts:
          - exp_labels: {job_name: nightly, outcome: failed, severity: error, preset: jobs}
            exp_annotations:
              summary: nightly has failed
              description: >-
                The last run of nightly did not succeed. Its exit status is in job_last_exit_status.
"""


@pytest.mark.once
def test_the_exported_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """promtool and the process are given the same series, and expect the same alerts."""
    monkeypatch.chdir(tmp_path)
    Path("jobs.yml").write_text("presets: [jobs]\n")
    assert main(["rules", "export", "jobs.yml", "--to", "exported"]) == 0
    path = Path("exported", "cases.yml")
    path.write_text(CASES)
    assert promtool("test", "rules", path) == ""
    capsys.readouterr()
    assert main(["rules", "test", str(path)]) == 0, capsys.readouterr()
