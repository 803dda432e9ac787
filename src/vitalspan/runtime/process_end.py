"""Calls a function when the process ends, however Python lets one know of it."""

from __future__ import annotations

import atexit
import sys
from collections.abc import Callable
from typing import Any, Final

_MULTIPROCESSING: Final = ("multiprocessing", "billiard")
"""Packages whose children end by `os._exit` after running finalizers; billiard is Celery's."""

_LAST: Final = -1000
"""The priority of the finalizer: it runs after those of the application."""


class ProcessEnd:
    """Calls a function at exit, and after the work of a child of multiprocessing.

    Nothing can be done about `os._exit` elsewhere, nor about SIGKILL. For SIGTERM see
    `vitalspan.runtime.sigterm`.

    Args:
        function: is called, perhaps more than once.
    """

    def __init__(self, function: Callable[[], object]) -> None:
        self._function = function
        self._watched: set[str] = set()
        atexit.register(function)
        self.watch_child()

    def watch_child(self) -> None:
        """Call the function at the end of a child of multiprocessing too, if this will be one."""
        for package in _MULTIPROCESSING:
            util = sys.modules.get(f"{package}.util")
            if util is not None and package not in self._watched:
                self._watched.add(package)
                # A child forgets all finalizers when it begins, and then calls this.
                util.register_after_fork(self, ProcessEnd.add_finalizers)
        signals: Any = sys.modules.get("celery.signals")
        if signals is not None:
            # A process of its pool ends by `os._exit`, with no finalizers, right after this.
            signals.worker_process_shutdown.connect(
                self._on_shutdown, weak=False, dispatch_uid=f"vitalspan-{id(self)}"
            )

    def add_finalizers(self) -> None:
        """Call the function at the end of this process, if it is a child of multiprocessing."""
        for package in _MULTIPROCESSING:
            util: Any = sys.modules.get(f"{package}.util")
            process: Any = sys.modules.get(f"{package}.process")
            if util is not None and process.current_process()._parent_pid is not None:  # noqa: SLF001
                util.Finalize(None, self._function, exitpriority=_LAST)

    def close(self) -> None:
        """Call the function no more at exit."""
        atexit.unregister(self._function)

    def _on_shutdown(self, **_: object) -> None:
        self._function()
