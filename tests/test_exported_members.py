"""What the package exports is what it says, and each is described."""

from __future__ import annotations

import ast
import inspect
import pkgutil
import types
from pathlib import Path

import pytest

import vitalspan as vs
from support.public_api import MODULES, public_api
from support.subprograms import run_program

API = Path(__file__).with_name("public_api.txt")


def test_all_is_sorted_and_complete() -> None:
    assert list(vs.__all__) == sorted(vs.__all__)
    assert len(set(vs.__all__)) == len(vs.__all__)


@pytest.mark.parametrize("name", vs.__all__)
def test_each_is_there_and_described(name: str) -> None:
    member = getattr(vs, name)
    if name == "__version__":
        assert isinstance(member, str)
        return
    assert (member.__doc__ or "").strip()
    assert not isinstance(member, types.ModuleType)


@pytest.mark.parametrize("name", vs.__all__)
def test_the_methods_of_each_are_described(name: str) -> None:
    member = getattr(vs, name)
    if not inspect.isclass(member):
        return
    bare = [
        method
        for method, found in vars(member).items()
        if not method.startswith("_")
        and (inspect.isroutine(found) or isinstance(found, property))
        and not inspect.isbuiltin(found)
        and not isinstance(found, staticmethod)
        and not (getattr(found, "__doc__", None) or "").strip()
    ]
    assert bare == []


def test_nothing_else_is_public() -> None:
    printed = run_program(
        """
import types
members = {n: m for n, m in vars(vs).items() if not n.startswith("_")}
public = {n for n, m in members.items() if not isinstance(m, types.ModuleType)}
print(*sorted(public - set(vs.__all__) - {"TYPE_CHECKING", "Any", "import_module"}))
print(*sorted(set(vs.__all__) - set(dir(vs))))
"""
    )
    extra, missing = printed.splitlines()
    assert extra == ""
    assert missing == ""


def test_star_import() -> None:
    run_program(
        """
names = {}
exec("from vitalspan import *", names)
assert set(vs.__all__) <= set(names)
"""
    )


def test_an_unknown_name() -> None:
    with pytest.raises(AttributeError, match="'vitalspan' has no attribute 'nothing'"):
        vs.nothing  # noqa: B018


def test_the_public_api_is_the_one_that_is_listed() -> None:
    assert public_api().splitlines() == API.read_text(encoding="utf-8").splitlines(), (
        "if the change of the public API is meant, write the list again: "
        "PYTHONPATH=src:tests python -m support.public_api > tests/public_api.txt"
    )


def test_every_other_package_says_that_it_is_internal() -> None:
    names = {
        *("vitalspan.errors", "vitalspan"),
        *(module for module in MODULES if module.startswith("vitalspan.integrations.")),
        "vitalspan.compat.performance_monitor.fastapi",
        "vitalspan.compat.performance_integration_service",
    }
    packages = [found for found in pkgutil.walk_packages(vs.__path__, "vitalspan.") if found.ispkg]
    assert len(packages) > 30
    said = []
    for package in packages:
        spec = package.module_finder.find_spec(package.name, None)
        assert spec is not None
        assert spec.origin is not None
        tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
        if not (ast.get_docstring(tree) or "").startswith("Internal: "):
            said.append(package.name)
    assert set(said) == set(MODULES) - names


def test_names_are_imported_from_where_type_checkers_look() -> None:
    tree = ast.parse(inspect.getsource(vs))
    seen_by_type_checkers = {
        alias.name: (node.module or "").removeprefix("vitalspan.")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.col_offset
        for alias in node.names
    }
    assert seen_by_type_checkers == vs._MODULES
    assert {*seen_by_type_checkers, "__version__"} == set(vs.__all__)
