"""The saved state of the older monitors, in a store."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vitalspan as vs
from support.stored import WALL, reader_of, service, sqlite_url
from vitalspan.cli.main import main
from vitalspan.compat.performance_monitor import PerformanceMonitor
from vitalspan.importers.saved_state.read import read_saved_state

HOUR = 3600.0
DAY = 24 * HOUR
NOW = WALL + 40 * DAY


@pytest.fixture(autouse=True)
def present(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: NOW)


def operation(ago: float, duration: float = 0.5, **more: Any) -> dict[str, Any]:
    start = NOW - ago - duration
    return {"operation_name": "render", "start_time": start, "duration": duration, **more}


def imported(tmp_path: Path, document: Any, *options: str) -> tuple[int, str]:
    file = tmp_path / "saved.json"
    file.write_text(document if isinstance(document, str) else json.dumps(document))
    url = sqlite_url(tmp_path)
    return main(["history", "import", str(file), "--store", url, *options]), url


def test_operations_are_in_the_statistics_of_their_time(tmp_path: Path) -> None:
    calls = [operation(10 * DAY, 2.0), operation(10 * DAY, 4.0, success=False)]
    calls += [operation(30 * HOUR, 1.0, memory_delta=2, cpu_percent=50.0)]
    calls += [operation(60.0, memory_delta=-3.5)]
    code, url = imported(tmp_path, {"recent_operations": calls, "health_score": 90})
    assert code == 0
    _, monitor = service(url, wall=NOW + 5)
    monitor.tick()
    statistics = monitor.statistics
    everything = statistics.operation("render", window=20 * DAY)
    assert (everything.count, everything.errors) == (4, 1)
    assert (everything.min, everything.max, everything.total) == (0.5, 4.0, 7.5)
    old = statistics.operation("render", window=2 * DAY, offset=9 * DAY)
    assert (old.count, old.p99) == (2, pytest.approx(4.0, rel=0.05))
    yesterday = statistics.operation("render", window=12 * HOUR, offset=24 * HOUR)
    assert (yesterday.count, yesterday.cpu_seconds) == (1, 0.5)
    assert yesterday.memory_growth == 2 * 1024 * 1024
    monitor.close()


def test_what_is_imported_is_counted_once_beside_what_is_there(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    clock, monitor = service(url, wall=NOW - 4 * HOUR)
    monitor.tick()
    for _ in range(3 * 60):
        with monitor.operation("render"):
            clock.advance(0.5)
        clock.advance(59.5)
        monitor.tick()
    monitor.close()
    reader = reader_of(url)
    before = sum(one.count for one in reader.period(NOW - DAY, NOW, NOW).series)
    calls = [operation(ago * 600.0) for ago in range(1, 100)]
    assert imported(tmp_path, calls)[0] == 0
    after = sum(one.count for one in reader.period(NOW - DAY, NOW, NOW).series)
    assert after == before + 99
    # Another process goes on, and adds shorter frames up to longer ones.
    clock, monitor = service(url, wall=NOW)
    monitor.tick()
    for _ in range(130):
        clock.advance(60)
        monitor.tick()
    now = clock.wall()
    for step in (60, 360, 3600):
        points = reader.points(step, NOW - DAY, now)
        assert sum(one.count for _, sums in points for one in sums) == after, step
    monitor.close()


def test_sessions_and_alerts(tmp_path: Path) -> None:
    session = {
        "session_id": "film",
        "start_time": NOW - 3 * DAY,
        "end_time": NOW - 3 * DAY + 60,
        "operations_count": 10,
        "error_count": 1,
        "cache_hits": 3,
        "cache_misses": 1,
        "api_calls": 2,
        "tokens_used": 500,
        "total_cost": 0.25,
        "custom_counts": {"scenes": 4},
    }
    # Without a time zone, as the older monitors wrote it.
    when = datetime.fromtimestamp(NOW - DAY, UTC).astimezone().replace(tzinfo=None).isoformat()
    alerts = [
        {
            "alert_type": "slow_operation",
            "severity": "warning",
            "message": "render took 6 s",
            "operation": "render",
            "value": 6.0,
            "threshold": 5.0,
            "timestamp": when,
        },
        {"alert_type": "critical", "component": "parser", "message": "slow", "timestamp": NOW - 9},
    ]
    code, url = imported(tmp_path, {"sessions": [session], "alerts": {"recent": alerts}})
    assert code == 0
    _, monitor = service(url, wall=NOW + 5)
    monitor.tick()
    (film,) = monitor.sessions.history("film")
    assert (film.calls.count, film.calls.errors, film.duration) == (10, 1, 60)
    assert film.counts["scenes"] == 4
    assert film.calls.apis[0].cost == 0.25
    assert "film" in monitor.report(session=film).text()
    (again,) = PerformanceMonitor(monitor=monitor).get_session_history()
    assert (again.operations_count, again.cache_hit_rate, again.tokens_used) == (10, 0.75, 500)
    first, second = monitor.alerts.history()
    assert (first.type, first.severity, first.value) == ("slow_operation", "warning", 6.0)
    assert first.fired_at == pytest.approx(NOW - DAY)
    assert (second.severity, second.labels["component"]) == ("critical", "parser")
    monitor.close()


def test_downloads_parsing_generation_and_pipeline_operations(tmp_path: Path) -> None:
    at = {"timestamp": NOW - HOUR}
    lines = [
        {"url": "https://a.example/x", "duration": 2.0, "file_size": 100, "status_code": 200, **at},
        {"content_type": "genre_page", "duration": 0.5, "items_parsed": 25, **at},
        {"data_source": "wiki", "duration": 1.0, "success": False, **at},
        {
            "component": "parser",
            "operation_name": "parse",
            "duration_ms": 250,
            "cache_hits": 3,
            "cache_misses": 1,
            "timestamp": (NOW - HOUR) * 1000,
        },
    ]
    code, url = imported(tmp_path, "\n".join(map(json.dumps, lines)) + "\n")
    assert code == 0
    _, monitor = service(url, wall=NOW + 5)
    monitor.tick()
    day = {"window": DAY}
    download = monitor.statistics.operation("download", labels={"host": "a.example"}, **day)
    assert (download.count, download.measures) == (1, {"bytes": 100})
    parsing = monitor.statistics.operation("parsing", labels={"content_type": "genre_page"}, **day)
    assert parsing.measures == {"items": 25}
    assert monitor.statistics.operation("generation", **day).errors == 1
    parser = monitor.statistics.component("parser", **day)
    assert (parser.count, parser.mean, parser.caches[0].hit_rate) == (1, 0.25, 0.75)
    report = PerformanceMonitor(monitor=monitor).get_parsing_performance_report(24)
    assert report["genre_page"]["total_items_parsed"] == 25
    monitor.close()


def test_mistakes_have_a_file_and_a_line_and_nothing_is_imported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = [operation(60.0), {**operation(60.0), "duration": "x"}]
    calls.append({"operation_name": "a", "duration": 1.0, "start_time": "yesterday"})
    text = "[\n" + ",\n".join(map(json.dumps, calls)) + "\n]\n"
    code, url = imported(tmp_path, text)
    assert code == 1
    error = capsys.readouterr().err
    assert "saved.json:3: duration: 'x' is not a number from 0 up" in error
    assert "saved.json:4: start_time: 'yesterday' is not a time" in error
    assert "nothing was imported" in error
    assert imported(tmp_path, text, "--skip")[0] == 0
    assert "1 operations" in (output := capsys.readouterr().out)
    assert "cannot be used: 2" in output
    assert imported(tmp_path, text, "--skip")[0] == 1
    assert "was imported before: use --again" in capsys.readouterr().err
    assert imported(tmp_path, text, "--skip", "--again")[0] == 0
    assert sum(one.count for one in reader_of(url).period(NOW - DAY, NOW, NOW).series) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": [1,\n 2', "saved.json:2: this is not JSON"),
        ('{"a": 1}\n{"b": }\n', "saved.json:2: this is not JSON"),
        ('{"a": 1}', "saved.json:1: there is no operation, session or alert"),
        ("[" * 100_000, "saved.json:1: this is "),
        ('[{"session_id": "s", "start_time": 5}]', "saved.json:1: the session 's' has not ended"),
        ('\n\n{"alert_type": "x", "message": "m", "severity": "bad"}', "saved.json:3: severity"),
        ('{"operation_name": "", "duration": 1, "start_time": 5}', "needs a name"),
        ('{"operation_name": "a", "duration": NaN, "start_time": 5}', "is not a number from 0 up"),
        (f'[{{"url": "", "duration": 1{"0" * 400}}}]', "duration: inf is not a number from 0 up"),
        (f'[{{"url": "", "duration": 1{"0" * 5000}}}]', "duration: inf is not a number from 0 up"),
        (
            '{"operation_name": "a", "duration": 1, "start_time": 5, "memory_delta": Infinity}',
            "memory_delta: inf is not a number from 0 up",
        ),
    ],
)
def test_files_that_cannot_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    assert imported(tmp_path, text)[0] == 1
    assert message in capsys.readouterr().err


def test_files_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = sqlite_url(tmp_path)
    assert main(["history", "import", str(tmp_path / "none.json"), "--store", url]) == 1
    assert "none.json: No such file" in capsys.readouterr().err
    (tmp_path / "saved.json").write_bytes(b'{\n"a": "\xff"}')
    assert main(["history", "import", str(tmp_path / "saved.json"), "--store", url]) == 1
    assert "saved.json:2: this is not UTF-8" in capsys.readouterr().err


def test_what_is_older_than_the_store_keeps_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert imported(tmp_path, [operation(60.0), operation(40 * DAY)])[0] == 0
    output = capsys.readouterr().out
    assert "1 operations" in output
    assert "older than the store keeps: 1" in output


def test_a_store_that_a_service_writes_to_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, monitor = service(sqlite_url(tmp_path), wall=NOW)
    monitor.tick()
    assert imported(tmp_path, [operation(60.0)])[0] == 1
    assert "another process writes to it" in capsys.readouterr().err
    monitor.close()


values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["operation_name", "duration", "start_time", "session_id", "alert_type", "message"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(values)
@settings(deadline=None, max_examples=60)
def test_whatever_is_in_a_file_is_read_or_said(value: Any) -> None:
    state = read_saved_state(json.dumps(value), "default")
    assert all(mistake.line == 1 and mistake.text for mistake in state.mistakes)


def test_what_compat_says_is_taken_over(tmp_path: Path, monitor: vs.Monitor) -> None:
    face = PerformanceMonitor(monitor=monitor)
    face.start_session("film")
    with face.measure_sync_operation("render"):
        pass
    ended = face.end_session()
    document = {"data": face.get_dashboard_data(), "session": ended.to_dict()}
    state = read_saved_state(json.dumps(document), "default")
    assert not state.mistakes
    assert [one.operation for one in state.calls] == ["render"]
    assert [one.document["name"] for one in state.sessions] == ["film"]
