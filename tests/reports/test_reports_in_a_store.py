"""Reports that a store keeps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.stored import service, sqlite_url
from vitalspan.cli.main import main
from vitalspan.errors import ConfigurationError, VitalspanError

HOUR = 3600.0


def test_reports_are_read_again_after_a_restart(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    clock, monitor = service(url)
    with monitor.operation("sell"):
        clock.advance(0.5)
    report = monitor.report()
    monitor.reports.keep(report)
    # It can be read before it is written.
    assert [one.text() for one in monitor.reports.kept()] == [report.text()]
    clock.advance(5)
    monitor.tick()
    assert len(monitor.reports.kept()) == 1
    monitor.close()
    clock, monitor = service(url, wall=clock.wall() + 60)
    monitor.tick()
    (again,) = monitor.reports.kept()
    assert (again.title, again.subtitle) == (report.title, report.subtitle)
    assert again.to_dict() == report.to_dict()
    assert (again.html(), again.markdown()) == (report.html(), report.markdown())
    assert str(again) == report.text()
    page = again.save(tmp_path / "again.html")
    assert page.read_text() == report.html()
    with pytest.raises(ConfigurationError, match="the ending says the format"):
        again.save(tmp_path / "again.doc")
    monitor.close()


def test_reports_at_an_interval_are_kept_as_long_as_they_should_be(tmp_path: Path) -> None:
    settings = {"reports": "store", "report_keep": 3}
    clock, monitor = service(sqlite_url(tmp_path), **settings)
    monitor.tick()
    for _ in range(6):
        clock.advance(HOUR)
        monitor.tick()
    clock.advance(60)
    monitor.tick()
    clock.advance(60)
    monitor.tick()
    kept = monitor.reports.kept()
    assert [one.at % HOUR for one in kept] == [0, 0, 0]
    assert kept[0].at > kept[1].at > kept[2].at
    assert len(monitor.reports.kept(2)) == 2
    sample = 'vitalspan_reports_total{result="written"} 6'
    assert sample in monitor.generate_latest().decode()
    monitor.close()


def test_without_a_store_it_is_said_what_to_do(monitor: object) -> None:
    with pytest.raises(VitalspanError, match="no store for reports: set store="):
        monitor.reports.keep(monitor.report())  # type: ignore[attr-defined]
    with pytest.raises(VitalspanError, match="set store="):
        monitor.reports.write_every(HOUR, "store")  # type: ignore[attr-defined]


def test_reports_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = sqlite_url(tmp_path)
    clock, monitor = service(url)
    monitor.tick()
    assert main(["history", "reports", url]) == 0
    assert "no reports" in capsys.readouterr().out
    for name in ("first", "second"):
        with monitor.session(name) as session:
            pass
        monitor.reports.keep(monitor.report(session=session))
        clock.advance(60)
        monitor.tick()
    monitor.close()
    assert main(["history", "reports", url]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert ["second" in lines[0], "first" in lines[1]] == [True, True]
    assert main(["history", "reports", url, "--show", "2"]) == 0
    assert "session first" in capsys.readouterr().out
    file = tmp_path / "report.json"
    assert main(["history", "reports", url, "--to", str(file)]) == 0
    assert json.loads(file.read_text())["session"]["name"] == "second"
    assert main(["history", "reports", url, "--show", "3"]) == 1
    assert "the store has 2 reports" in capsys.readouterr().err
