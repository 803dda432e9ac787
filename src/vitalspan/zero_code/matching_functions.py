"""Lists the functions that patterns match, from the source, without importing or running it."""

from __future__ import annotations

import ast
import pkgutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Final

from vitalspan.zero_code.patterns import Pattern, match

_WILD: Final = frozenset("*?[")


def list_matches(patterns: Sequence[Pattern], path: Sequence[str]) -> list[tuple[str, str]]:
    """Return the functions that match, each with its module.

    Args:
        patterns: patterns of functions.
        path: the directories in which modules are searched, as in `sys.path`.
    """
    found: dict[tuple[str, str], None] = {}
    for pattern in patterns:
        for module, file in _modules(pattern.module, list(path)):
            if pattern.matches_module(module):
                for name in functions_of(file.read_bytes()):
                    if match(patterns, module, name):
                        found[module, name] = None
    return list(found)


def functions_of(source: str | bytes) -> Iterator[str]:
    """Yield the qualified names of the functions and methods in a source text."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return
    yield from dict.fromkeys(_functions(tree.body, ""))


def _functions(body: Iterable[ast.stmt], outer: str) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _functions(node.body, f"{outer}{node.name}.")
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if not any(_is_property(decorator) for decorator in node.decorator_list):
                yield f"{outer}{node.name}"
        elif isinstance(node, (ast.If, ast.Try, ast.With)):
            yield from _functions(_inner(node), outer)


def _inner(node: ast.If | ast.Try | ast.With) -> Iterator[ast.stmt]:
    yield from node.body
    if not isinstance(node, ast.With):
        yield from node.orelse
    if isinstance(node, ast.Try):
        yield from node.finalbody
        for handler in node.handlers:
            yield from handler.body


def _is_property(decorator: ast.expr) -> bool:
    name = ast.unparse(decorator)
    return name in ("property", "cached_property", "functools.cached_property") or name.endswith(
        (".setter", ".getter", ".deleter")
    )


def _modules(pattern: str, path: list[str]) -> Iterator[tuple[str, Path]]:
    """Yield the modules that may match, each with its file."""
    fixed: list[str] = []
    for part in pattern.split("."):
        if _WILD & set(part):
            break
        fixed.append(part)
    if not fixed:
        # The whole path is too much to search.
        return
    spec = _find(fixed, path)
    if spec is None:
        return
    name = ".".join(fixed)
    yield from _file(name, spec)
    if len(fixed) < len(pattern.split(".")):
        yield from _below(name, spec)


def _below(name: str, spec: ModuleSpec) -> Iterator[tuple[str, Path]]:
    locations = list(spec.submodule_search_locations or ())
    for each in pkgutil.iter_modules(locations):
        inner = PathFinder.find_spec(f"{name}.{each.name}", locations)
        if inner is not None:
            yield from _file(f"{name}.{each.name}", inner)
            yield from _below(f"{name}.{each.name}", inner)


def _find(parts: list[str], path: list[str]) -> ModuleSpec | None:
    """Return the spec of a module without importing its packages."""
    spec: ModuleSpec | None = None
    name = ""
    for part in parts:
        name = f"{name}.{part}" if name else part
        spec = PathFinder.find_spec(name, path)
        if spec is None:
            return None
        path = list(spec.submodule_search_locations or ())
    return spec


def _file(name: str, spec: ModuleSpec) -> Iterator[tuple[str, Path]]:
    origin = spec.origin
    if origin is not None and origin.endswith(".py") and name not in sys.builtin_module_names:
        yield name, Path(origin)
