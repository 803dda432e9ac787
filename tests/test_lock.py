"""The locked versions in requirements/ against what pyproject.toml asks for."""

from __future__ import annotations

import itertools
import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from support.paths import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def group(name: str) -> list[str]:
    """What a group asks for, with what it includes."""
    asked = PYPROJECT["dependency-groups"][name]
    parts = [group(one["include-group"]) if isinstance(one, dict) else [one] for one in asked]
    return [*itertools.chain(*parts)]


GROUPS = {name: group(name) for name in PYPROJECT["dependency-groups"]}
RUN = [
    *PYPROJECT["project"]["dependencies"],
    *itertools.chain(*PYPROJECT["project"]["optional-dependencies"].values()),
    *GROUPS["build"],
]
ASKED = {
    "run": RUN,
    "test": [*RUN, *GROUPS["test"]],
    "lint": [*RUN, *GROUPS["test"], *GROUPS["lint"]],
}


def lock_text(name: str) -> str:
    return (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")


def locked(name: str) -> dict[str, tuple[Requirement, list[str]]]:
    """Each package of a lock, with its hashes."""
    lines = [line for line in lock_text(name).splitlines() if not line.startswith("#")]
    entries = re.split(r"\n(?=\S)", "\n".join(lines).replace("\\\n", " "))
    packages = {}
    for entry in entries:
        requirement, *hashes = re.split(r"\s+--hash=", entry.strip())
        made = Requirement(requirement)
        packages[canonicalize_name(made.name)] = (made, hashes)
    return packages


@pytest.mark.parametrize("name", ASKED)
def test_everything_has_one_version_and_hashes_and_no_index_is_named(name: str) -> None:
    for made, hashes in locked(name).values():
        assert [each.operator for each in made.specifier] == ["=="], made
        assert made.url is None
        assert hashes, made
        assert all(re.fullmatch("sha256:[0-9a-f]{64}", each) for each in hashes), made
    assert "://" not in lock_text(name)
    assert "index" not in lock_text(name)


@pytest.mark.parametrize("name", ASKED)
def test_what_pyproject_asks_for_is_locked_at_a_version_that_it_takes(name: str) -> None:
    """After a change of dependencies: `make lock UPGRADE=`."""
    packages = locked(name)
    for text in ASKED[name]:
        asked = Requirement(text)
        made, _ = packages[canonicalize_name(asked.name)]
        [version] = made.specifier
        assert asked.specifier.contains(version.version), f"{asked}, but {made} is locked"


@pytest.mark.parametrize(("smaller", "larger"), [("run", "test"), ("test", "lint")])
def test_each_lock_is_a_part_of_the_next(smaller: str, larger: str) -> None:
    packages, others = locked(smaller), locked(larger)
    assert packages == {name: others[name] for name in packages}
