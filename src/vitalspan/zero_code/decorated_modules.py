"""Turns functions of imported modules into operations if a pattern matches them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from types import FunctionType, ModuleType
from typing import Any

from vitalspan.default import get_monitor
from vitalspan.runtime.internal_errors import logger
from vitalspan.zero_code.patterns import Pattern, match


def decorate_module(module: ModuleType, patterns: Sequence[Pattern]) -> list[str]:
    """Turn the matching functions and methods of a module into operations.

    Objects that the module has imported from others belong to those, and remain unchanged.

    Returns:
        The qualified names of the functions that were decorated.
    """
    decorated = []
    for owner, key, member, name in list(_functions(module, module.__name__)):
        if not match(patterns, module.__name__, name):
            continue
        try:
            setattr(owner, key, get_monitor().operation(member))
        except Exception as refused:  # noqa: BLE001 - the others are decorated
            logger.warning("%s:%s could not be instrumented: %s", module.__name__, name, refused)
        else:
            decorated.append(name)
    return decorated


def _functions(owner: Any, module: str) -> Iterator[tuple[Any, str, Any, str]]:
    """Yield the owner of each function, its key there, the function and its qualified name."""
    for key, member in list(vars(owner).items()):
        if inspect.isclass(member):
            if member.__module__ == module and _is_defined_in(member, owner):
                yield from _functions(member, module)
            continue
        function = member.__func__ if isinstance(member, (classmethod, staticmethod)) else member
        if not isinstance(function, FunctionType) or function.__module__ != module:
            continue
        name = function.__qualname__
        # An alias would be recorded twice, and a wrapper of vitalspan is already recorded.
        if name.rpartition(".")[2] == key and "<locals>" not in name and not _is_recorded(function):
            yield owner, key, member, name


def _is_defined_in(member: type, owner: Any) -> bool:
    outer = "" if isinstance(owner, ModuleType) else f"{owner.__qualname__}."
    return member.__qualname__ == f"{outer}{member.__name__}"


def _is_recorded(function: FunctionType) -> bool:
    return function.__code__.co_filename.startswith(_WRAPPERS)


def _wrappers() -> str:
    from vitalspan.recording import wrappers_importlib_bootstrap  # noqa: PLC0415 - only its path

    return str(wrappers_importlib_bootstrap.__path__[0])


_WRAPPERS = _wrappers()
