"""`vitalspan grafana export`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from support.dashboards import DASHBOARDS
from vitalspan.artifacts.grafana.dashboard_files import files
from vitalspan.cli.main import main
from vitalspan.errors import MissingExtraError


def export(*arguments: str | Path) -> int:
    return main(["grafana", "export", *map(str, arguments)])


def test_it_writes_files_and_says_which(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "deep" / "dashboards"
    for done in ("written", "unchanged"):
        assert export("--to", out) == 0
        said = capsys.readouterr().out.splitlines()
        assert sorted(said) == sorted(f"{out / name}: {done}" for name in DASHBOARDS)
    written = {path.name: json.loads(path.read_text()) for path in out.iterdir()}
    assert written == DASHBOARDS


def test_options_reach_the_dashboards(tmp_path: Path) -> None:
    assert export("--to", tmp_path, "--metric-prefix", "shop_", "--datasource", "of-mine") == 0
    text = (tmp_path / "overview.json").read_text()
    assert "(shop_health_score{" in text
    assert '"value": "of-mine"' in text


def test_check_compares_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    with pytest.raises(SystemExit) as ended:
        export("--to", out, "--check")
    assert ended.value.code == 1
    assert not out.exists()
    assert f"{out / 'overview.json'}: missing" in capsys.readouterr().err
    export("--to", out)
    assert export("--to", out, "--check") == 0
    assert capsys.readouterr().out.endswith(f"{out}: up to date\n")
    (out / "overview.json").write_text("{}")
    with pytest.raises(SystemExit):
        export("--to", out, "--check")
    said = capsys.readouterr().err.splitlines()
    assert said[0] == f"{out / 'overview.json'}: differs"
    assert "without --check" in said[-1]


def test_what_is_not_made_any_more_is_told_and_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    others = {
        "old.json": '{"uid": "vitalspan-old"}',
        "mine.json": '{"uid": "mine"}',
        "copy.json": '{"uid": "vitalspan-overview"}',
        "list.json": "[1]",
        "broken.json": "{",
        "tests-made.yml": "# Made by  vitalspan rules export",
    }
    for name, text in others.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "directory.json").mkdir()
    assert export("--to", tmp_path) == 0
    told = f"{tmp_path / 'old.json'}: no longer generated"
    assert capsys.readouterr().err == f"{told}; remove it\n"
    assert {name: (tmp_path / name).read_text() for name in others} == others
    with pytest.raises(SystemExit):
        export("--to", tmp_path, "--check")
    assert capsys.readouterr().err.splitlines()[0] == told


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--to", "d", "--metric-prefix", "1"], "cannot begin a metric name"),
        (["--to", "d", "--datasource", ""], "data source '': give the uid"),
        (["--to", "file"], "file cannot be written: File exists"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    arguments: list[str],
    complaint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    assert export(*arguments) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert complaint in err
    assert err.startswith("vitalspan grafana: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("command", [["export", "--to", "d"], ["check", "http://127.0.0.1"]])
def test_a_missing_extra_is_told(
    command: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    without_builders(monkeypatch, "grafana_foundation_sdk")
    monkeypatch.chdir(tmp_path)
    assert main(["grafana", *command]) == 1
    assert capsys.readouterr().err == (
        "vitalspan grafana: making dashboards needs packages that are not installed: "
        "run  pip install 'vitalspan[grafana]'\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_only_a_missing_extra_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    without_builders(monkeypatch, "json")
    with pytest.raises(ImportError) as raised:
        files()
    assert not isinstance(raised.value, MissingExtraError)


def without_builders(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Have nothing imported yet that makes dashboards, and a package not to be found."""
    for known in list(sys.modules):
        if known.startswith(("grafana_foundation_sdk", "vitalspan.artifacts.grafana.")):
            monkeypatch.delitem(sys.modules, known)
    monkeypatch.setitem(sys.modules, name, None)


def test_other_commands_make_no_dashboards() -> None:
    code = (
        "import sys, vitalspan.cli.main\n"
        "raise SystemExit(any(name.startswith('vitalspan.artifacts') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
