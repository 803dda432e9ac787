"""Reports on now, on a period and on a session: what they say, and where they are written."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

import vitalspan as vs
from vitalspan.errors import ConfigurationError
from vitalspan.reports.atomic_file import write_atomically


def call(
    monitor: vs.Monitor, clock: vs.ManualClock, name: str, seconds: float, error: str = ""
) -> None:
    with suppress(ValueError), monitor.operation(name, component=f"{name}-part", slow=1.0) as one:
        one.add("items", 2)
        clock.advance(seconds)
        if error:
            raise ValueError(error)


@pytest.fixture
def busy(clock: vs.ManualClock) -> Iterator[vs.Monitor]:
    """A monitor with an hour of calls, five minutes of which were bad."""
    monitor = vs.Monitor(registry=CollectorRegistry(), clock=clock)
    monitor.rules.add(
        alert="Slow", signal="latency_p95", window="5m", above="2s", severity="critical"
    )
    monitor.rules.add(alert="Idle", signal="rate", below="1000", **{"for": "10h"})
    monitor.rules.add_slo(name="sold", where={"operation": "sell"}, objective=0.99, window="1h")
    monitor.cache("prices", component="sell-part").hit()
    monitor.api("bank", component="sell-part").record(tokens=3, cost=0.25)
    monitor.tick()
    for minute in range(60):
        for _ in range(25):
            is_bad = minute in range(50, 55)
            call(monitor, clock, "sell", 3.0 if is_bad else 0.1, "<i>sold | out</i>" * is_bad)
        call(monitor, clock, "pack", 0.5)
        clock.advance(55)
        monitor.tick()
    yield monitor
    monitor.close()


def test_a_report_says_what_was_slow_and_since_when(busy: vs.Monitor) -> None:
    with busy.operation("inside"):
        text = busy.report(window=3600).text()
    lines = text.splitlines()
    assert "Slow" in text
    assert any(line.startswith("- sell was slow from 20") for line in lines)
    for title in (
        *("In short", "Alerts", "Over time", "What was unusual", "Operations", "Errors"),
        *("Error budgets", "Health by the model service", "What could be done", "Components"),
        *("Trends and forecasts", "Caches, APIs, measures and resources", "Running now"),
        "Slow calls",
    ):
        assert title in lines
    assert "- The SLO sold has spent more than its error budget." in lines
    assert any("pending" in line and line.startswith("Idle") for line in lines)
    assert any(line.startswith("ValueError") and "<i>sold | out</i>" in line for line in lines)


def test_all_formats_are_of_the_same_report(busy: vs.Monitor) -> None:
    report = busy.report(window=3600)
    data = json.loads(report.json())
    assert (data["schema"], data["version"], data["kind"]) == ("vitalspan.report", 1, "period")
    assert data == report.to_dict()
    calls = f"{data['calls']['count']:,}"
    for text in (report.text(), report.markdown(), report.html(), str(report)):
        assert calls in text
        assert "SlowBudget" not in text
    page = report.html()
    assert "&lt;i&gt;sold | out&lt;/i&gt;" in page
    assert "<i>" not in page
    assert "\\<i\\>sold \\| out\\</i\\>" in report.markdown()
    assert page.count("<figure") == 6
    assert repr(report).startswith("<Report 'Report on ")


def test_a_report_on_the_past_has_no_present(busy: vs.Monitor) -> None:
    report = busy.report(window=900, offset=1800)
    data = report.to_dict()
    assert data["period"]["is_past"] is True
    assert data["running"] == data["slow_calls"] == data["recommendations"] == []
    text = report.text()
    for absent in ("alerts firing", "Health by", "Error budgets", "What could be done", "Slow"):
        assert absent not in text
    bad = busy.report(window=600, offset=300).text()
    assert "ValueError" in bad
    assert "Slow calls" in bad


def test_a_report_of_nothing_is_short(monitor: vs.Monitor) -> None:
    text = monitor.report().text()
    assert "- No call ended in this period." in text.splitlines()
    assert "Operations" not in text
    assert "Over time" not in text
    assert monitor.reports.report(window=60).html()


def test_what_the_history_lacks_is_told(monitor: vs.Monitor, clock: vs.ManualClock) -> None:
    monitor.tick()
    clock.advance(60)
    report = monitor.report(window=3600)
    note = "The history covers 1 minute of the 1 hour that were asked for."
    assert note in report.text()
    assert f"> {note}" in report.markdown()
    assert f'<p class="notice">{note}</p>' in report.html()


def test_a_session_has_a_report(monitor: vs.Monitor, clock: vs.ManualClock) -> None:
    for seconds in (0.1, 0.4):
        with monitor.session("film <1>") as session:
            for _ in range(20):
                call(monitor, clock, "render", seconds)
                session.count("scenes")
            inside = monitor.report(session=session).text()
    assert "Report on the session film <1>" in inside
    before, after = monitor.sessions.history()
    text = monitor.report(session=after).text()
    assert "Bottlenecks, with more than 20 % of the time: render (100 %)." in text
    assert "scenes" in text
    assert "Since the session" not in text
    compared = monitor.reports.session(after, before=before)
    assert "Since the session film <1> of" in compared.text()
    assert "+300 %" in compared.text()
    assert "changed (100 % sure)" in compared.text()
    assert "no more than noise" in compared.text()
    data = json.loads(compared.json())
    assert data["kind"] == "session"
    assert data["session"]["counts"] == {"scenes": 20}
    assert data["comparison"]["operations"][0]["durations"]["significant"] is True
    assert "film &lt;1&gt;" in compared.html()
    with pytest.raises(ConfigurationError, match=r"monitor\.sessions\.history"):
        monitor.report(session="film")  # type: ignore[arg-type]


def test_few_calls_are_not_compared(monitor: vs.Monitor, clock: vs.ManualClock) -> None:
    for name in ("one", "two"):
        with monitor.session(name):
            call(monitor, clock, name, 0.1)
    before, after = monitor.sessions.history()
    assert "too few calls" in monitor.reports.session(after, before=before).text()


@pytest.mark.parametrize("ending", ["html", "md", "json", "txt", "HTML"])
def test_a_report_is_saved_as_its_name_says(
    monitor: vs.Monitor, tmp_path: Path, ending: str
) -> None:
    report = monitor.report()
    path = report.save(tmp_path / f"report.{ending}")
    assert path.read_text() == report.rendered(ending.lower())
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_other_endings_are_refused(monitor: vs.Monitor, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"report\.pdf.*use \.html, \.md, \.json or \.txt"):
        monitor.report().save(str(tmp_path / "report.pdf"))
    missing = tmp_path / "missing" / "report.html"
    with pytest.raises(FileNotFoundError, match=re.escape(str(missing))):
        monitor.report().save(missing)


def test_a_file_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.txt"
    path.write_text("old")

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    monkeypatch.undo()
    write_atomically(path, "new \ud800")
    assert path.read_text() == "new \\ud800"


def test_slow_calls_name_their_profiles(busy: vs.Monitor, clock: vs.ManualClock) -> None:
    assert "profile" not in busy.report().text()
    busy._recorder.profile_of = lambda record: "a1b2c3d4e5f60718"
    call(busy, clock, "sell", 9.0)
    assert "a1b2c3d4e5f60718" in busy.report().text()
    assert busy.dashboard()["slow_calls"][0]["profile_id"] == "a1b2c3d4e5f60718"
