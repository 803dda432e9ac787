"""Pickles what records as its definition, for the default monitor of the process that loads it.

Decorated functions, operations, caches and APIs are pickled as what they were defined with. Their
counts, and the monitor they belonged to, stay where they are.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

builders: Final[dict[str, Callable[..., Any]]] = {}
"""What makes each kind of object again; filled by the module of the default monitor."""


def rebuild(kind: str, *definition: Any) -> Any:
    """Make an object of one of the kinds in `builders` again."""
    if kind not in builders:
        # A process that only loads what another one has pickled has no default monitor yet.
        import_module("vitalspan.default")
    return builders[kind](*definition)


class Shared:
    """An object of one monitor: its copies within the process are the same object."""

    __slots__ = ()

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self
