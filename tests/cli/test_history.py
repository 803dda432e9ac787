"""`vitalspan history`: what a store has, the figures of a period, and exports."""

from __future__ import annotations

import csv
import json
import subprocess
import time

import pytest

from support.prometheus_server import prometheus_binary
from support.stored import call, fail, service, sqlite_url
from vitalspan.cli.main import main


@pytest.fixture
def url(tmp_path):
    """A store with twenty minutes of history, which ended just now."""
    made = sqlite_url(tmp_path)
    clock, monitor = service(made, wall=time.time() // 60 * 60 - 1300)
    monitor.rules.add(alert="Failures", signal="error_ratio", window="1m", above=0.01)
    for _ in range(240):
        call(monitor, clock, [0.25, 0.5])
        monitor.cache("pages").hit()
        clock.advance(4.25)
        monitor.tick()
    fail(monitor)
    clock.advance(1)
    monitor.tick()
    monitor.close()
    return made


def printed(capsys, *arguments):
    assert main(["history", *arguments]) == 0
    return capsys.readouterr().out


def test_list(url, capsys):
    text = printed(capsys, "list", url, "--alerts")
    assert "1 of kind cache, 1 of kind operation" in text
    assert "frames of   5s, kept for   2h: 20" in text
    assert "frames of   1h, kept for  30d: nothing yet" in text or "frames of   1h" in text
    assert "Failures: " in text


def test_the_url_may_be_a_file_or_in_the_environment(url, capsys, monkeypatch):
    text = printed(capsys, "list", url)
    assert printed(capsys, "list", url.removeprefix("sqlite:///")) == text
    monkeypatch.setenv("VITALSPAN_STORE", url)
    assert printed(capsys, "list") == text
    monkeypatch.delenv("VITALSPAN_STORE")
    assert main(["history", "list"]) == 1
    assert "no store is given" in capsys.readouterr().err


def test_summary(url, capsys):
    text = printed(capsys, "summary", url, "--last", "1h")
    (line,) = [line for line in text.splitlines() if "till/pay" in line]
    assert line.split() == ["481", "1", "374.2", "ms", "478.8", "ms", "500", "ms", "till/pay"]
    document = json.loads(printed(capsys, "summary", url, "--json"))
    (pay,) = document["operations"]
    assert (pay["count"], pay["errors_by_type"]) == (481, {"ValueError": 1})
    assert "no calls" in printed(capsys, "summary", url, "--operation", "other")
    half = json.loads(printed(capsys, "summary", url, "--last", "10m", "--ago", "10m", "--json"))
    assert 200 < half["operations"][0]["count"] < 300


def test_csv_and_json(url, capsys, tmp_path):
    rows = list(csv.DictReader(printed(capsys, "export", url, "--step", "1m").splitlines()))
    assert sum(int(row["count"]) for row in rows) in range(470, 482)
    assert {row["operation"] for row in rows} == {"pay"}
    assert {int(row["end"]) - int(row["start"]) for row in rows} == {60}
    path = tmp_path / "out.json"
    printed(capsys, "export", url, "--format", "json", "--last", "1h", "--to", str(path))
    documents = json.loads(path.read_text())
    assert sum(one["count"] for one in documents) == 481
    assert documents[0]["labels"] == {}
    assert documents[0]["max_seconds"] == 0.5


def test_parquet(url, capsys, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    path = tmp_path / "out.parquet"
    printed(capsys, "export", url, "--format", "parquet", "--last", "1h", "--to", str(path))
    table = parquet.read_table(path)
    assert sum(table["count"].to_pylist()) == 481
    assert main(["history", "export", url, "--format", "parquet"]) == 1
    assert "give --to FILE" in capsys.readouterr().err


def test_openmetrics_for_prometheus(url, capsys, tmp_path):
    path, blocks = tmp_path / "out.txt", tmp_path / "blocks"
    printed(capsys, "export", url, "--format", "openmetrics", "--last", "1h", "--to", str(path))
    text = path.read_text()
    lines = [line for line in text.splitlines() if line.startswith("operation_duration_seconds_c")]
    assert float(lines[0].split()[1]) == 0
    assert float(lines[-1].split()[1]) == 481
    assert 'cache_requests_total{cache="pages",component="default",result="hit"} 240' in text
    assert "slo" not in text
    assert text.endswith("# EOF\n")
    made = subprocess.run(
        [
            prometheus_binary("promtool"),
            *("tsdb", "create-blocks-from", "openmetrics", str(path), str(blocks)),
        ],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    stats = [json.loads(one.read_text())["stats"] for one in blocks.glob("*/meta.json")]
    assert sum(one["numSamples"] for one in stats) == text.count("\n") - text.count("# ")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["list", "nowhere.db"], "there is no such file"),
        (["list", "ftp://x"], "is not the URL of a store"),
        (["export", "URL", "--step", "7s"], "is not in the store: use one of 5s, 1m"),
    ],
)
def test_mistakes(url, arguments, complaint, capsys):
    given = [url if one == "URL" else one for one in arguments]
    assert main(["history", *given]) == 1
    assert complaint in capsys.readouterr().err
