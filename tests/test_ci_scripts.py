"""The scripts in .ci that `make` runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.paths import ROOT

pytestmark = pytest.mark.once


def run(script: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / ".ci" / script, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **variables},
    )


def test_every_step_runs_and_all_results_are_told() -> None:
    ended = run("each", "exit 3", "echo second", "false", "true")
    assert ended.returncode == 1
    assert "second\n" in ended.stdout
    results = ended.stdout.partition("--- Results\n")[2].splitlines()
    assert [line.split()[0] for line in results] == ["FAILED", "passed", "FAILED", "passed"]
    assert results[0].startswith("FAILED (3)")
    assert results[0].endswith("exit 3")


def test_steps_that_all_pass_pass() -> None:
    assert run("each", "true", "echo 'a  b'").returncode == 0


@pytest.fixture
def no_apt(tmp_path: Path) -> str:
    """A folder of programs, without apt-get and without servers."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", "dirname", "sort", "tr", "id", "grep"):
        found = shutil.which(name)
        assert found
        (programs / name).symlink_to(found)
    return str(programs)


def test_without_apt_get_it_is_said_what_is_not_tested(no_apt: str, tmp_path: Path) -> None:
    ended = run("packages", PATH=no_apt, XDG_CACHE_HOME=str(tmp_path))
    assert ended.returncode == 0
    assert ended.stdout.startswith(str(tmp_path))
    missing = "chromium nodejs postgresql prometheus prometheus-alertmanager redis-server"
    assert f"Not installed: {missing}, and there is no apt-get" in ended.stderr
    assert "tests run on the Prometheus and Alertmanager of PATH" in ended.stderr


def test_a_python_that_cannot_be_had_is_an_error_without_a_path(
    no_apt: str, tmp_path: Path
) -> None:
    ended = run("python", "3.14", PATH=no_apt, XDG_CACHE_HOME=str(tmp_path))
    assert ended.returncode == 1
    assert ended.stdout == ""


SUITE = """
import pathlib, pytest

def test_passes(): pass

def test_passes_alone():
    first = pathlib.Path(__file__).with_name("first")
    if not first.exists():
        first.touch()
        pytest.fail("beside others")

@pytest.mark.skipif(not {broken}, reason="is not broken")
def test_fails(): pytest.fail("always")
"""


@pytest.mark.parametrize("broken", [False, True])
def test_what_failed_is_run_once_more_alone(tmp_path: Path, broken: bool) -> None:
    suite = tmp_path / "test_suite.py"
    suite.write_text(SUITE.format(broken=broken))
    options = ("-c", "/dev/null", "-p", "no:randomly", "--rootdir", str(tmp_path), str(suite))
    ended = run("pytest", *options, PYTHON=sys.executable)
    alone = ended.stdout.partition("--- Once more, alone")[2]
    if broken:
        assert ended.returncode == 1
        assert "1 failed, 1 passed" in alone
    else:
        assert ended.returncode == 0
        assert alone.splitlines()[-1].endswith("test_suite.py::test_passes_alone")
        assert "1 passed" in alone


def test_what_is_no_failure_of_a_test_ends_it(tmp_path: Path) -> None:
    ended = run("pytest", "-c", "/dev/null", str(tmp_path / "absent.py"), PYTHON=sys.executable)
    assert ended.returncode == 4
    assert "Once more" not in ended.stdout
