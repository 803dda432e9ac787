"""Every Python example of the README and the docs runs, and what they list is what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from subprograms import run_program
from vitalspan import names
from vitalspan.config import PREFIX, Settings

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

EXAMPLES = [
    pytest.param(match.group(1), id=f"{page.name}-{number}")
    for page in PAGES
    for number, match in enumerate(
        re.finditer(r"^```python\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL), 1
    )
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_runs_as_it_stands(example: str) -> None:
    run_program(example, prelude="")


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 10


def test_every_metric_is_described() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()
    families = [value for value in vars(names).values() if isinstance(value, names.Family)]
    assert [family.name for family in families if f"`{family.name}`" not in page] == []


def test_the_documented_boundaries_are_the_boundaries() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()
    listed = re.search(r"upper bounds in seconds: ([\d.\s]+?)\. They", page)
    assert listed
    assert tuple(map(float, listed.group(1).split())) == names.DURATION_BOUNDARIES


def test_every_setting_is_described_with_its_default() -> None:
    readme = (ROOT / "README.md").read_text()
    for name, default in vars(Settings()).items():
        row = next(line for line in readme.splitlines() if line.startswith(f"| `{name}` |"))
        assert f"`{PREFIX}{name.upper()}`" in row
        shown = str(default).lower() if isinstance(default, bool) else str(default)
        assert shown in row


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_that_exist(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target
