"""An import hook that calls functions with a module as soon as it has been imported."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Final

from vitalspan.runtime.internal_errors import logger

Wants = Callable[[str], bool]
Imported = Callable[[ModuleType], None]

_HOOK: Final = "_vitalspan_hook"
"""The attribute with the hook of an `exec_module` that calls its functions."""


class ImportHook(MetaPathFinder):
    """A hook that calls functions with the modules that they want, after their import.

    Exceptions of a function are logged, and the import continues.
    """

    def __init__(self) -> None:
        self._hooks: list[tuple[Wants, Imported]] = []
        self._finding: set[str] = set()
        self._wanted: dict[str, list[Imported]] = {}

    def add(self, wants: Wants, imported: Imported) -> None:
        """Call a function with modules, starting with those that are already imported.

        Args:
            wants: returns whether the function wants a module with a name.
            imported: the function to call with the module.
        """
        self._hooks.append((wants, imported))
        for name, module in list(sys.modules.items()):
            if wants(name) and isinstance(module, ModuleType) and _is_complete(module):
                _call(imported, module)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec from the other finders, with a loader that calls the functions."""
        wanted = [imported for wants, imported in self._hooks if wants(fullname)]
        if not wanted or fullname in self._finding:
            return None
        self._finding.add(fullname)
        try:
            spec = _find(self, fullname, path, target)
        finally:
            self._finding.discard(fullname)
        if spec is not None:
            self._wanted[fullname] = wanted
            self._call_after_loading(spec.loader)
        return spec

    def _call_after_loading(self, loader: Any) -> None:
        execute = getattr(loader, "exec_module", None)
        # A loader that is a class is shared by all modules of its kind, none of which is wanted.
        if execute is None or isinstance(loader, type):
            return
        if getattr(execute, _HOOK, None) is self:
            return

        def exec_module(module: ModuleType) -> None:
            execute(module)
            # The modules of a zip file share their loader.
            for imported in self._wanted.pop(module.__name__, ()):
                _call(imported, module)

        setattr(exec_module, _HOOK, self)
        try:
            loader.exec_module = exec_module
        except AttributeError:
            logger.warning("modules of %s are not instrumented", type(loader).__name__)


def install() -> ImportHook:
    """Return the import hook of this process, which precedes all other finders."""
    for finder in sys.meta_path:
        if isinstance(finder, ImportHook):
            return finder
    hook = ImportHook()
    sys.meta_path.insert(0, hook)
    return hook


def _find(
    hook: ImportHook, name: str, path: Sequence[str] | None, target: ModuleType | None
) -> ModuleSpec | None:
    for finder in sys.meta_path:
        find: Any = getattr(finder, "find_spec", None)
        if finder is not hook and find is not None:
            spec: ModuleSpec | None = find(name, path, target)
            if spec is not None:
                return spec
    return None


def _call(imported: Imported, module: ModuleType) -> None:
    try:
        imported(module)
    except Exception:  # noqa: BLE001 - the program has to run
        logger.warning("%s could not be instrumented", module.__name__, exc_info=True)


def _is_complete(module: ModuleType) -> bool:
    return not getattr(module.__spec__, "_initializing", False)
