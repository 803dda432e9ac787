"""`vitalspan rules export`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.promtool import complaints
from vitalspan.artifacts import directory as directory_
from vitalspan.cli.main import main

RULES = """
groups:
  - name: shop
    rules:
      - {alert: CheckoutSlow, signal: latency_p95, above: 500ms}
slos:
  - {name: checkout, objective: 99.9%}
"""

NAMES = {
    *("rules.yml", "tests.yml", "tests-5m.yml", "tests-30m.yml"),
    "alertmanager-inhibit.yml",
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "shop.yml"
    path.write_text(RULES)
    return path


def export(*arguments: str | Path) -> int:
    return main(["rules", "export", *map(str, arguments)])


def test_it_writes_files_and_says_which(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "deep" / "prometheus"
    assert export(file, "--to", out) == 0
    assert {path.name for path in out.iterdir()} == NAMES
    said = capsys.readouterr().out.splitlines()
    assert sorted(said) == sorted(f"{out / name}: written" for name in NAMES)
    assert export(file, "--to", out) == 0
    said = capsys.readouterr().out.splitlines()
    assert sorted(said) == sorted(f"{out / name}: unchanged" for name in NAMES)


def test_options_reach_the_rules(file: Path, tmp_path: Path) -> None:
    options = ["--per-instance", "--metric-prefix", "shop_", "--interval", "1m"]
    assert export(file, "--to", tmp_path / "out", *options, "--runbook-url", "https://w/r") == 0
    text = (tmp_path / "out" / "rules.yml").read_text()
    for expected in ("(job, instance, le)", "shop_operation", "interval: 1m", "https://w/r/Check"):
        assert expected in text


def test_check_compares_and_writes_nothing(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    with pytest.raises(SystemExit) as exit_:
        export(file, "--to", out, "--check")
    assert exit_.value.code == 1
    assert not out.exists()
    assert f"{out / 'rules.yml'}: missing" in capsys.readouterr().err
    export(file, "--to", out)
    assert export(file, "--to", out, "--check") == 0
    assert capsys.readouterr().out.endswith(f"{out}: up to date\n")
    (out / "rules.yml").write_text("groups: []\n")
    with pytest.raises(SystemExit):
        export(file, "--to", out, "--check")
    said = capsys.readouterr().err.splitlines()
    assert said[0] == f"{out / 'rules.yml'}: differs"
    assert "without --check" in said[-1]
    assert (out / "rules.yml").read_text() == "groups: []\n"


def test_files_of_an_earlier_export_are_removed(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    file.write_text(RULES.replace("500ms}", "500ms, window: 30m, for: 1h}"))
    export(file, "--to", out)
    [slow] = [path for path in out.iterdir() if path.name not in NAMES]
    (out / "tests-own.yml").write_text("tests: []\n")
    file.write_text(RULES)
    capsys.readouterr()
    with pytest.raises(SystemExit):
        export(file, "--to", out, "--check")
    assert f"{slow}: no longer generated" in capsys.readouterr().err
    export(file, "--to", out)
    assert f"{slow}: removed" in capsys.readouterr().out
    assert {path.name for path in out.iterdir()} == {*NAMES, "tests-own.yml"}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (["missing.yml", "--to", "out"], "missing.yml: cannot be read: No such file or directory"),
        (["shop.yml", "--to", "shop.yml"], "shop.yml cannot be written: File exists"),
        (["shop.yml", "--to", "shop.yml/x"], "cannot be written: Not a directory"),
        (["shop.yml", "--to", "shop.yml", "--check"], "cannot be read: Not a directory"),
        (["shop.yml", "--to", "out", "--interval", "10m"], "interval 10m: use 1s to 5m"),
        (["shop.yml", "--to", "out", "--metric-prefix", "1"], "cannot begin a metric name"),
        (["shop.yml", "--to", "out", "--runbook-url", "x"], "runbook URL 'x': use one such as"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    change: list[str],
    complaint: str,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(file.parent)
    assert export(*change) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert complaint in err
    assert err.startswith("vitalspan rules: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["shop.yml"], "the following arguments are required: --to"),
        (["--to", "out"], "the following arguments are required: FILE"),
        (["shop.yml", "--to", "out", "--interval", "soon"], "'soon' is not a duration"),
    ],
)
def test_arguments_that_cannot_be_used(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        export(*arguments)
    assert exit_.value.code == 2
    assert complaint in capsys.readouterr().err


def test_a_file_is_there_whole_or_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rules.yml"
    path.write_text("before")

    def fail(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(directory_.ConfigurationError, match="No space left"):
        directory_.write({"rules.yml": "after"}, tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["rules.yml"]
    assert path.read_text() == "before"


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
def test_files_have_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, sys; os.umask(0o027)\n"
        "from vitalspan.artifacts.directory import write\n"
        "write({'rules.yml': 'x'}, pathlib.Path(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=60)
    assert (tmp_path / "rules.yml").stat().st_mode & 0o777 == 0o640


def test_other_commands_read_no_rules() -> None:
    read = "'vitalspan.artifacts.export' in sys.modules"
    code = f"import sys, vitalspan.cli.main; raise SystemExit({read})"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


INSTANCE = """
groups:
  - name: shop
    rules:
      - alert: Busy
        signal: rate
        above: 5
        window: 20s
        annotations: {summary: "{{ $labels.instance }} is busy"}
"""


def test_a_window_without_two_scrapes_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rules.yml"
    file.write_text(INSTANCE)
    assert export(file, "--to", tmp_path / "out") == 1
    assert capsys.readouterr().err == (
        "vitalspan rules: Busy: Prometheus needs at least two samples, but a window of 20s has "
        "fewer with a scrape every 15s, so it would never have data: use 1m or more, or set "
        "--scrape-interval\n"
    )
    assert not (tmp_path / "out").exists()
    for fast in ("--scrape-interval", "--interval"):
        assert export(file, "--to", tmp_path / "out", fast, "10s") == 0
        assert f"{fast} 10s" in (tmp_path / "out" / "rules.yml").read_text()


def test_a_label_that_is_aggregated_away_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rules.yml"
    file.write_text(INSTANCE)
    fast = ("--to", tmp_path / "out", "--interval", "5s")
    assert export(file, *fast) == 0
    assert capsys.readouterr().err == (
        "Busy: $labels.instance is empty without --per-instance: use this option, or leave "
        "the label out\n"
    )
    assert export(file, *fast, "--per-instance") == 0
    assert capsys.readouterr().err == ""


SLOW = """
groups:
  - name: reports
    rules:
      - {alert: Slow, signal: latency_p95, above: {warning: 2m, critical: 8m}}
      - {alert: Spread, signal: latency_stddev, above: 1m}
      - {alert: SlowSoon, signal: latency_p95, derive: {until: 5m, over: 1h}, below: 2h}
"""


def test_larger_buckets_make_larger_thresholds_possible(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = tmp_path / "rules.yml", tmp_path / "out"
    file.write_text(SLOW)
    # The process is not bound to buckets.
    assert main(["rules", "check", str(file)]) == 0
    assert ":5:44: in Prometheus latency_p95 is never above 60 s" in capsys.readouterr().out
    assert export(file, "--to", out) == 1
    assert "Slow: in Prometheus latency_p95 is never above 60 s" in capsys.readouterr().err
    assert export(file, "--to", out, "--buckets", "1,10,60,300") == 1
    assert "Slow: in Prometheus latency_p95 is never above 5m" in capsys.readouterr().err
    assert export(file, "--to", out, "--buckets", "1,10,60,300,600") == 0
    files = {path.name: path.read_text() for path in out.iterdir()}
    assert "export FILE --to DIR --buckets 1,10,60,300,600" in files["rules.yml"]
    assert 'le="600.0"' in files["rules.yml"]
    assert 'le="30.0"' not in files["rules.yml"]
    assert "No case" not in files["tests.yml"]
    assert complaints(files, tmp_path) == ""


@pytest.mark.parametrize("buckets", ["1,a", "", "5,1", "1,inf"])
def test_buckets_that_cannot_be(
    buckets: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rules.yml"
    file.write_text(SLOW)
    with pytest.raises(SystemExit) as ended:
        export(file, "--to", tmp_path / "out", "--buckets", buckets)
    assert ended.value.code == 2
    assert "argument --buckets: " in capsys.readouterr().err
