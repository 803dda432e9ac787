"""Patterns of functions: what they match, how they are listed, and what is decorated."""

from __future__ import annotations

import importlib
import sys
import zipfile
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

import vitalspan as vs
from vitalspan.cli.main import main
from vitalspan.zero_code import decorated_modules
from vitalspan.zero_code.import_hook import ImportHook
from vitalspan.zero_code.matching_functions import functions_of, list_matches
from vitalspan.zero_code.patterns import Pattern, match, parse_patterns

SOURCE = """
import functools
from os.path import join

def pay(amount): ...
async def refund(amount): ...
def _secret(): ...
alias = pay

class Query:
    def __init__(self): ...
    def run(self): ...
    @staticmethod
    def parse(text): ...
    @classmethod
    def load(cls): ...
    @property
    def rows(self): ...
    def _close(self): ...
    class Inner:
        def step(self): yield 1

if True:
    def conditional(): ...

class Other(Query):
    pass
"""

ALL = [
    *("pay", "refund", "Query.run", "Query.parse", "Query.load", "Query.Inner.step"),
    "conditional",
]


@pytest.mark.parametrize(
    ("pattern", "matched"),
    [
        ("m:*", ALL),
        ("m:Query.*", ["Query.run", "Query.parse", "Query.load", "Query.Inner.step"]),
        ("m:p*, m:_*", ["pay", "_secret"]),
        ("m:Query._*", ["Query._close"]),
        ("*:pay", ["pay"]),
        ("other:*", []),
        ("m:Query.__init__", []),
    ],
)
def test_what_is_matched(pattern: str, matched: list[str]) -> None:
    patterns = parse_patterns(pattern)
    assert [name for name in functions_of(SOURCE) if match(patterns, "m", name)] == matched


WORDS = st.sampled_from(["*", "pay", "Query.*", "Query.run", "_*", "Query._*", "r*", "*e*", "x"])


@given(st.lists(WORDS, min_size=1, max_size=4))
def test_what_is_listed_is_what_is_decorated(words: list[str]) -> None:
    patterns = [Pattern("m", word) for word in words]
    module = ModuleType("m")
    exec(SOURCE, vars(module))
    monitor = vs.Monitor(registry=CollectorRegistry(), system_metrics=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decorated_modules, "get_monitor", lambda: monitor)
        decorated = decorated_modules.decorate_module(module, patterns)
        again = decorated_modules.decorate_module(module, patterns)
    listed = [name for name in functions_of(SOURCE) if match(patterns, "m", name)]
    assert sorted(decorated) == sorted(listed)
    assert again == []
    monitor.close()


@pytest.mark.parametrize("wrong", ["shop", ":pay", "shop:", "a:b:c", "shop.checkout, x"])
def test_what_is_no_pattern(wrong: str) -> None:
    with pytest.raises(
        vs.ConfigurationError, match=r"VITALSPAN_OPERATIONS: .* is not a pattern: use"
    ):
        parse_patterns(wrong)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package of modules that must not be imported to be listed."""
    name = "zerocodeshop"
    for path in (name, f"{name}/db"):
        (tmp_path / path).mkdir()
        (tmp_path / path / "__init__.py").write_text("raise RuntimeError('imported')")
    (tmp_path / name / "checkout.py").write_text(SOURCE)
    (tmp_path / name / "db" / "query.py").write_text("def run(): ...\n")
    (tmp_path / name / "broken.py").write_text("def (:")
    (tmp_path / name / "latin.py").write_bytes(b"# coding: latin-1\ndef r(): return '\xe9'\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return name


def test_a_list_without_an_import(package: str, tmp_path: Path) -> None:
    words = f"{package}.checkout:Query.run {package}.*:r* nowhere:* *:refund"
    assert list_matches(parse_patterns(words), [str(tmp_path)]) == [
        (f"{package}.checkout", "refund"),
        (f"{package}.checkout", "Query.run"),
        (f"{package}.db.query", "run"),
        (f"{package}.latin", "r"),
    ]
    assert package not in sys.modules


def test_a_dry_run(package: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["run", "--dry-run", "--operations", f"{package}.db.*:*, {package}.checkout:nothing"]
    with pytest.raises(SystemExit) as ended:
        main([*given, "--", "gunicorn"])
    assert ended.value.code == 1
    printed = capsys.readouterr()
    assert printed.out == f"{package}.db.query:run\n"
    assert printed.err == f"vitalspan run: {package}.checkout:nothing matches no function\n"
    assert main(["run", "--dry-run", "--operations", f"{package}.checkout:pay"]) == 0
    assert main(["run", "--dry-run"]) == 1


def test_an_import_goes_on_whatever_a_hook_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "hookedmodule.py").write_text("value = 7")
    monkeypatch.syspath_prepend(tmp_path)
    hook = ImportHook()
    monkeypatch.setattr(sys, "meta_path", [hook, *sys.meta_path])
    seen: list[str] = []

    def fail(module: ModuleType) -> None:
        seen.append(module.__name__)
        raise ValueError("no")

    hook.add("hookedmodule".__eq__, fail)
    hook.add("hookedmodule".__eq__, lambda module: seen.append("second"))
    import hookedmodule  # type: ignore[import-not-found]

    assert hookedmodule.value == 7
    assert seen == ["hookedmodule", "second"]
    assert "hookedmodule could not be instrumented" in caplog.text
    hook.add("hookedmodule".__eq__, lambda module: seen.append("there already"))
    assert seen[-1] == "there already"
    del sys.modules["hookedmodule"]


def test_modules_of_a_zip_file_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "modules.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for name in ("zippedone", "zippedtwo", "zippedthree"):
            file.writestr(f"{name}.py", "")
    monkeypatch.syspath_prepend(archive)
    hook = ImportHook()
    monkeypatch.setattr(sys, "meta_path", [hook, *sys.meta_path])
    seen: list[tuple[str, str]] = []
    for name in ("zippedone", "zippedtwo"):
        hook.add(name.__eq__, lambda module, name=name: seen.append((name, module.__name__)))
    for name in ("zippedone", "zippedtwo", "zippedthree"):
        importlib.import_module(name)
        del sys.modules[name]
    assert seen == [("zippedone", "zippedone"), ("zippedtwo", "zippedtwo")]


def test_a_loader_that_cannot_be_changed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Fixed:
        __slots__ = ()

        def create_module(self, spec: ModuleSpec) -> None: ...

        def exec_module(self, module: ModuleType) -> None: ...

    class Finder:
        @staticmethod
        def find_spec(name: str, path: object, target: object = None) -> ModuleSpec | None:
            return ModuleSpec(name, Fixed()) if name == "fixedmodule" else None  # type: ignore[arg-type]

    hook = ImportHook()
    monkeypatch.setattr(sys, "meta_path", [hook, Finder, *sys.meta_path])
    hook.add("fixedmodule".__eq__, print)
    importlib.import_module("fixedmodule")
    del sys.modules["fixedmodule"]
    assert "modules of Fixed are not instrumented" in caplog.text
