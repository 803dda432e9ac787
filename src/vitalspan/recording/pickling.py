"""Pickles recording objects as their definitions, for the default monitor of the loading process.

Decorated functions, operations, caches and APIs are pickled as their definitions. Their counts and
the monitor that they belonged to are not pickled.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

builders: Final[dict[str, Callable[..., Any]]] = {}
"""The function that rebuilds each kind of object; the module of the default monitor fills this."""


def rebuild(kind: str, *definition: Any) -> Any:
    """Rebuild an object of one of the kinds in `builders`."""
    if kind not in builders:
        # A process that only unpickles has no default monitor yet.
        import_module("vitalspan.default")
    return builders[kind](*definition)


class MonitorPart:
    """An object of one monitor: copying it within the process returns the same object."""

    __slots__ = ()

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self
