"""Every Python example of the README and the docs runs, and what they list is what there is."""

from __future__ import annotations

import re
import tomllib
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from support.paths import ROOT
from support.subprograms import run_program
from vitalspan import metrics as names
from vitalspan.cli.main import main
from vitalspan.config import Settings
from vitalspan.environment_settings import PREFIX
from vitalspan.signals import catalogue

PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "changes/README.md")),
    ROOT / ".github" / "pull_request_template.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]

EXAMPLES = [
    pytest.param(match.group(1), id=f"{page.relative_to(ROOT)}-{number}")
    for page in PAGES
    for number, match in enumerate(
        re.finditer(r"^```python\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL), 1
    )
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_runs_as_it_stands(example: str) -> None:
    run_program(example, prelude="")


RULE_EXAMPLES = [
    match.group(1)
    for match in re.finditer(
        r"^```yaml\n(.*?)^```$", (ROOT / "docs" / "rules.md").read_text(), re.MULTILINE | re.DOTALL
    )
]


@pytest.mark.parametrize("number", range(len(RULE_EXAMPLES)))
def test_an_example_of_rules_does_what_the_page_says(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rules are checked, explained and exported; the scenarios are played to the page's rules."""
    example = RULE_EXAMPLES[number]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules.yml").write_text(RULE_EXAMPLES[0])
    (tmp_path / "example.yml").write_text(example)
    if "rule_files:" in example:
        assert main(["rules", "test", "example.yml"]) == 0
        return
    if example.startswith("version: prometheus/v1"):
        assert main(["rules", "import", "example.yml", "--to", "imported.yml"]) == 0
        (tmp_path / "imported.yml").replace(tmp_path / "example.yml")
    assert main(["rules", "check", "example.yml"]) == 0
    assert main(["rules", "explain", "example.yml"]) == 0
    assert main(["rules", "export", "example.yml", "--to", "exported"]) == 0


def test_there_are_examples() -> None:
    assert len(RULE_EXAMPLES) >= 4
    assert len(EXAMPLES) >= 10


def test_the_page_about_the_design_says_what_every_package_and_module_is_for() -> None:
    page = (ROOT / "docs" / "design.md").read_text()
    source = ROOT / "src" / "vitalspan"
    parts = [one.name for one in source.iterdir() if one.suffix == ".py" or one.is_dir()]
    wanted = [name for name in parts if not name.startswith(("_", "."))]
    missing = [name for name in wanted if f"(../src/vitalspan/{name})" not in page]
    assert missing == [], "add a row to the table of packages in docs/design.md"


def test_every_metric_is_described() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()
    families = [value for value in vars(names).values() if isinstance(value, names.Family)]
    assert [family.name for family in families if f"`{family.name}`" not in page] == []


def test_every_signal_is_described() -> None:
    page = (ROOT / "docs" / "rules.md").read_text()
    assert [name for name in catalogue.names() if f"`{name}`" not in page] == []


def test_the_design_names_every_package_and_every_library() -> None:
    page = (ROOT / "docs" / "design.md").read_text()
    packages = {path.parent.name for path in (ROOT / "src" / "vitalspan").glob("*/__init__.py")}
    assert [name for name in sorted(packages) if f"(../src/vitalspan/{name})" not in page] == []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    libraries = {canonicalize_name(Requirement(one).name) for one in asked}
    words = page.lower().replace("_", "-")
    ours = {name for name in libraries if not name.startswith("opentelemetry-")}
    assert [name for name in sorted(ours) if name not in words] == []


def test_the_documented_boundaries_are_the_boundaries() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()
    listed = re.search(r"upper bounds[^.]* are ([\d.\s]+?)\. These", page)
    assert listed
    assert tuple(map(float, listed.group(1).split())) == names.DURATION_BOUNDARIES


def test_every_setting_is_described_with_its_default() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()
    for name, default in vars(Settings()).items():
        row = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
        assert f"`{PREFIX}{name.upper()}`" in row
        shown = str(default).lower() if isinstance(default, bool) else str(default)
        if isinstance(default, tuple):
            shown = f"[{len(default)} boundaries]"
        assert shown in row


def anchors(page: Path) -> set[str]:
    """What a page can be linked to at: its headings, as GitHub spells them, and its own anchors."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)"></a>', text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings_that_exist(page: Path) -> None:
    for path, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", page.read_text()):
        target = page.parent / path if path else page
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"
