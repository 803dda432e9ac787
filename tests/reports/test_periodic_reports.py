"""Reports at an interval: when they are written, what is kept, and what a broken disk does."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

import vitalspan as vs
from support.worker_processes import make_monitor, publish
from vitalspan.config import Settings
from vitalspan.environment_settings import from_environment
from vitalspan.errors import ConfigurationError
from vitalspan.reports import report_directory
from vitalspan.reports.document import Document
from vitalspan.reports.periodic_reports import RETRY, PeriodicReports
from vitalspan.reports.report import Report
from vitalspan.reports.report_directory import ReportDirectory
from vitalspan.runtime.internal_errors import InternalErrors

HOUR = 3600.0
NOON = 1_700_049_600.0 - 1_700_049_600.0 % 86400 + 12 * HOUR


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir()) if directory.exists() else []


@pytest.fixture
def clock() -> vs.ManualClock:
    return vs.ManualClock(wall=NOON + 60)


def tick_after(monitor: vs.Monitor, clock: vs.ManualClock, seconds: float) -> None:
    clock.advance(seconds)
    monitor.tick()


def test_a_report_is_written_when_an_hour_has_ended(
    monitor: vs.Monitor, clock: vs.ManualClock, tmp_path: Path, sample: Callable[..., float]
) -> None:
    directory = tmp_path / "deep" / "reports"
    monitor.reports.write_every(HOUR, directory, formats=("html", "json"))
    tick_after(monitor, clock, 5)
    with monitor.operation("sell"):
        clock.advance(1)
    tick_after(monitor, clock, HOUR - 70)
    assert names(directory) == []
    tick_after(monitor, clock, 10)
    stem = "report-20231115T130000Z"
    assert names(directory) == [f"{stem}.html", f"{stem}.json"]
    assert "sell" in (directory / f"{stem}.html").read_text()
    assert directory.stat().st_mode & 0o777 == 0o700
    tick_after(monitor, clock, 60)
    assert len(names(directory)) == 2
    tick_after(monitor, clock, 3 * HOUR)
    assert names(directory)[-1] == "report-20231115T160000Z.json"
    assert sample("vitalspan_reports_total", result="written") == 2
    assert sample("vitalspan_reports_total", result="failed") == 0
    monitor.reports.stop_writing()
    tick_after(monitor, clock, HOUR)
    assert len(names(directory)) == 4
    assert sample("vitalspan_reports_total", result="written") is None


def test_who_only_asks_writes_nothing(
    monitor: vs.Monitor, clock: vs.ManualClock, tmp_path: Path
) -> None:
    monitor.reports.write_every(60, tmp_path)
    clock.advance(600)
    with monitor.operation("work"):
        monitor.health()
        monitor.statistics(window=60)
        monitor.report()
        monitor.dashboard()
    monitor.generate_latest()
    assert names(tmp_path) == []
    tick_after(monitor, clock, 1)
    assert len(names(tmp_path)) == 1


def test_settings_begin_change_and_end_it(clock: vs.ManualClock, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    monitor = vs.Monitor(
        registry=CollectorRegistry(), clock=clock, reports=str(first), report_formats="txt, md"
    )
    tick_after(monitor, clock, HOUR)
    assert [name.partition(".")[2] for name in names(first)] == ["md", "txt"]
    monitor.configure(reports=str(second), report_interval=60, report_formats="txt")
    tick_after(monitor, clock, 60)
    assert len(names(first)) == 2
    assert len(names(second)) == 1
    # Other settings leave it as it is.
    monitor.configure(component="till")
    monitor.configure(reports="")
    tick_after(monitor, clock, HOUR)
    assert len(names(second)) == 1
    monitor.close()


def test_what_a_program_asked_for_is_not_ended_by_other_settings(
    monitor: vs.Monitor, clock: vs.ManualClock, tmp_path: Path
) -> None:
    monitor.reports.write_every(60, tmp_path)
    monitor.configure(component="till")
    tick_after(monitor, clock, 60)
    assert len(names(tmp_path)) == 1


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"report_interval": 5}, "report_interval=5: use seconds from 60 to 2678400"),
        ({"report_interval": True}, "report_interval=True"),
        ({"report_max_age": 0}, "report_max_age=0: use seconds from 60"),
        ({"report_formats": "pdf"}, "report_formats='pdf': use html, md, json, txt"),
        ({"report_formats": ""}, "report_formats=''"),
        ({"report_keep": 0}, "report_keep=0: use a whole number from 1"),
        ({"reports": 3}, "reports=3: use a string"),
    ],
)
def test_settings_that_cannot_be_are_refused(setting: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Settings(**setting)  # type: ignore[arg-type]
    assert message in str(refused.value)


def test_a_program_is_told_about_its_mistakes_too(monitor: vs.Monitor, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="report_formats='html,pdf'"):
        monitor.reports.write_every(60, tmp_path, formats=("html", "pdf"))
    assert from_environment({"VITALSPAN_REPORT_FORMATS": "md,txt", "VITALSPAN_REPORTS": "r"}) == {
        "reports": "r",
        "report_formats": "md,txt",
    }


def make() -> Report:
    return Report(Document("Report", "now", []), {})


def periodic(directory: Path, now: float, errors: InternalErrors | None = None) -> PeriodicReports:
    kept = ReportDirectory(directory, ["txt"], 5, 10 * HOUR)
    return PeriodicReports(kept, HOUR, make, errors or InternalErrors(), now)


def test_a_broken_disk_is_one_line_in_the_log_and_a_count(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    directory = tmp_path / "reports"
    directory.write_text("a file is in the way")
    reports = periodic(directory, NOON)
    for second in range(0, 600, 5):
        reports.tick(NOON + HOUR + second)
    # It is tried every minute, and told once.
    assert (reports.failed, reports.written) == (600 / RETRY, 0)
    (record,) = caplog.records
    assert f"could not be written to {directory}: File exists" in record.getMessage()
    directory.unlink()
    reports.tick(NOON + HOUR + 700)
    assert (reports.failed, reports.written) == (10, 1)
    assert names(directory) == ["report-20231115T130000Z.txt"]
    # The next failure is told again.
    (directory / "report-20231115T130000Z.txt").unlink()
    directory.rmdir()
    directory.write_text("again")
    reports.tick(NOON + 2 * HOUR)
    assert len(caplog.records) == 2


def test_a_full_disk_leaves_nothing_unfinished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports = periodic(tmp_path, NOON)

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    reports.tick(NOON + HOUR)
    assert (reports.failed, names(tmp_path)) == (1, [])
    monkeypatch.undo()
    reports.tick(NOON + HOUR + RETRY)
    assert (reports.written, len(names(tmp_path))) == (1, 1)


def test_a_fault_of_ours_ends_no_tick(
    monitor: vs.Monitor,
    clock: vs.ManualClock,
    tmp_path: Path,
    sample: Callable[..., float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monitor.reports.write_every(60, tmp_path)

    def fail(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(report_directory, "write_atomically", fail)
    tick_after(monitor, clock, 60)
    tick_after(monitor, clock, 5)
    assert sample("vitalspan_internal_errors_total", where="report") == 1
    monkeypatch.undo()
    tick_after(monitor, clock, 60)
    assert len(names(tmp_path)) == 1


def test_a_clock_that_is_set_back_writes_no_report_twice(tmp_path: Path) -> None:
    reports = periodic(tmp_path, NOON)
    reports.tick(NOON + HOUR)
    reports.tick(NOON + 60)
    reports.tick(NOON + HOUR)
    assert (reports.written, len(names(tmp_path))) == (1, 1)
    reports.tick(NOON + 2 * HOUR)
    assert reports.written == 2


@settings(max_examples=15)
@given(
    st.lists(st.integers(0, 40), max_size=12, unique=True), st.integers(1, 6), st.integers(1, 40)
)
def test_old_reports_and_too_many_are_removed(hours: list[int], keep: int, max_age: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        check_retention(Path(folder), hours, keep, max_age)


def check_retention(path: Path, hours: list[int], keep: int, max_age: int) -> None:
    directory = ReportDirectory(path, ["txt", "html"], keep, max_age * HOUR)
    for hour in hours:
        directory.write(NOON + hour * HOUR, make)
    now = NOON + 40 * HOUR
    others = ("report-20231115T130000Z.pdf", "report.html", "report-20231399T130000Z.txt", "x")
    for name in others[:2]:
        (path / name).write_text("another's")
    directory.clean(now)
    kept = sorted((one for one in set(hours) if 40 - one <= max_age), reverse=True)[:keep]
    # Some may have been removed at an earlier time already.
    found = {name for name in names(path) if name not in others}
    assert found <= {
        f"report-{report_directory.file_time(NOON + one * HOUR)}.{ending}"
        for one in kept
        for ending in ("txt", "html")
    }
    assert set(others[:2]) <= set(names(path))
    if hours == sorted(hours):
        assert len(found) == 2 * len(kept)


def test_files_that_nobody_finishes_are_removed(tmp_path: Path) -> None:
    old, young = tmp_path / ".vitalspan-report-1", tmp_path / ".vitalspan-report-2"
    for path, age in ((old, 2 * HOUR), (young, 60.0)):
        path.write_text("half of a rep")
        os.utime(path, (NOON - age, NOON - age))
    strange = tmp_path / "report-20231399T130000Z.txt"
    strange.write_text("a time that there is not")
    ReportDirectory(tmp_path, ["txt"], 5, HOUR).clean(NOON)
    assert names(tmp_path) == [young.name, strange.name]


def test_of_several_processes_the_one_that_evaluates_writes(
    clock: vs.ManualClock, tmp_path: Path
) -> None:
    reports, shared = tmp_path / "reports", tmp_path / "workers"
    monitors = [make_monitor(shared, clock) for _ in range(2)]
    for monitor in monitors:
        monitor.reports.write_every(60, reports, formats="json")
    leader, other = monitors
    leader.tick()
    with other.operation("work"):
        clock.advance(1)
    publish(other)
    clock.advance(60)
    other.tick()
    assert names(reports) == []
    # Another process has the history, and only the time since the start can be asked about.
    assert other.report().to_dict()["calls"]["count"] == 1
    notes = other.dashboard(window=60)["notes"]
    assert "another worker evaluates the rules" in notes[0]
    with pytest.raises(vs.errors.VitalspanError, match="another worker evaluates the rules"):
        other.report(window=60)
    leader.tick()
    assert len(names(reports)) == 1
    assert '"operation": "work"' in (reports / names(reports)[0]).read_text()
    leader.close()
    clock.advance(60)
    other.tick()
    assert len(names(reports)) == 2
    other.close()
