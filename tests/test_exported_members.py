"""What the package exports is what it says, and each is described."""

from __future__ import annotations

import inspect
import types

import pytest

import vitalspan as vs
from subprograms import run_program


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
    later = {"Alert", "make_asgi_app", "make_wsgi_app", "start_http_server"}
    assert set(missing.split()) <= later


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
