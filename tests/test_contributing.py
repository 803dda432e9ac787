"""What contributors rely on: the Makefile's own help, the development container, the changelog."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.paths import ROOT

pytestmark = pytest.mark.once

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PHONY = re.search(r"^\.PHONY:((?:.*\\\n)*.*)$", MAKEFILE, re.MULTILINE)
assert PHONY
TARGETS = PHONY.group(1).replace("\\\n", " ").split()


@pytest.fixture(scope="module")
def help_lines() -> list[str]:
    """What `make help` prints, each line without its indentation."""
    # A make that has started these tests would have this one say where it is.
    environment = {name: text for name, text in os.environ.items() if not name.startswith("MAKE")}
    ended = subprocess.run(
        ["make", "help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env=environment,
    )
    return [line.strip() for line in ended.stdout.splitlines()]


def test_help_describes_every_target_once(help_lines: list[str]) -> None:
    described = [line.split()[0] for line in help_lines if len(line.split()) > 1]
    assert sorted(name for name in described if name.islower() and name != "make") == sorted(
        TARGETS
    )


def test_help_describes_every_variable_that_can_be_set(help_lines: list[str]) -> None:
    described = {line.split()[0] for line in help_lines if line and line.split()[0].isupper()}
    assert described == set(re.findall(r"^([A-Z_]+) \?=", MAKEFILE, re.MULTILINE))


def test_the_development_container_is_set_up_by_make_and_a_script_that_exist() -> None:
    container = json.loads((ROOT / ".devcontainer.json").read_text(encoding="utf-8"))
    make, packages = container["postCreateCommand"].split(" && ")
    assert make.removeprefix("make ") in TARGETS
    assert (ROOT / packages).exists()
    interpreter = container["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"]
    assert f"DEVELOP := {Path(interpreter).parent.parent}" in MAKEFILE


def towncrier(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "towncrier", "build", *arguments],
        cwd=home,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what the changelog is made of, with a fragment of each of two kinds."""
    for name in ("pyproject.toml", "CHANGELOG.md"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "changes", tmp_path / "changes")
    (tmp_path / "changes" / "scrape-page.added.md").write_text("A page\nthat scrapes itself.\n")
    (tmp_path / "changes" / "late-clock.fixed.md").write_text("Clocks that are late.\n")
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    return tmp_path


def test_a_release_gets_its_fragments_and_what_the_changelog_had_before(project: Path) -> None:
    before = (project / "CHANGELOG.md").read_text()
    ended = towncrier(project, "--yes", "--version", "4.0.0", "--date", "2030-01-02")
    assert ended.returncode == 0, ended.stderr
    after = (project / "CHANGELOG.md").read_text()
    _, unreleased, released = re.split(r"^## ", after, maxsplit=2, flags=re.MULTILINE)
    assert unreleased.strip() == "Unreleased\n\n<!-- towncrier release notes start -->"
    assert released.startswith("4.0.0 (2030-01-02)\n\n### Added\n\n")
    assert "\n- A page\n  that scrapes itself.\n" in released
    [fixed] = re.findall(r"\n### Fixed\n(.*?)\n##", released, flags=re.DOTALL)
    assert "\n- Clocks that are late.\n" in fixed
    assert set(before.splitlines()) <= set(after.splitlines())
    assert {path.name for path in (project / "changes").iterdir()} == {"README.md", "template.md"}


@pytest.mark.parametrize("name", ["scrape-page.md", "scrape-page.feature.md", "notes.txt"])
def test_a_fragment_whose_name_says_no_kind_is_an_error(project: Path, name: str) -> None:
    (project / "changes" / name).write_text("Something.\n")
    ended = towncrier(project, "--draft", "--version", "next")
    assert ended.returncode == 1
    assert f"Invalid news fragment name: {name}" in ended.stderr
