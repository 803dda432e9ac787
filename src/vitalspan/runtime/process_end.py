"""Calls a function when the process ends, in every way that Python can detect."""

from __future__ import annotations

import atexit
import sys
from collections.abc import Callable
from typing import Any, Final

_MULTIPROCESSING: Final = ("multiprocessing", "billiard")
"""Packages whose children end with `os._exit` after finalizers; billiard is Celery's."""

_LAST: Final = -1000
"""The priority of the finalizer, so that it runs after those of the application."""


class ProcessEnd:
    """Calls a function at exit, and after the work of a multiprocessing child.

    Other uses of `os._exit` and SIGKILL cannot be detected. For SIGTERM see
    `vitalspan.runtime.sigterm`.

    Args:
        function: the function; it may be called more than once.
    """

    def __init__(self, function: Callable[[], object]) -> None:
        self._function = function
        self._watched: set[str] = set()
        atexit.register(function)
        self.watch_child()

    def watch_child(self) -> None:
        """Call the function at the end of a multiprocessing child too, if this will be one."""
        for package in _MULTIPROCESSING:
            util = sys.modules.get(f"{package}.util")
            if util is not None and package not in self._watched:
                self._watched.add(package)
                # A child drops all finalizers when it starts, and then calls this.
                util.register_after_fork(self, ProcessEnd.add_finalizers)
        signals: Any = sys.modules.get("celery.signals")
        if signals is not None:
            # Celery's pool processes end with `os._exit`, without finalizers, right after this.
            signals.worker_process_shutdown.connect(
                self._on_shutdown, weak=False, dispatch_uid=f"vitalspan-{id(self)}"
            )

    def add_finalizers(self) -> None:
        """Call the function at the end of this process, if it is a multiprocessing child."""
        for package in _MULTIPROCESSING:
            util: Any = sys.modules.get(f"{package}.util")
            process: Any = sys.modules.get(f"{package}.process")
            if util is not None and process.current_process()._parent_pid is not None:  # noqa: SLF001
                util.Finalize(None, self._function, exitpriority=_LAST)

    def close(self) -> None:
        """Stop calling the function at exit."""
        atexit.unregister(self._function)

    def _on_shutdown(self, **_: object) -> None:
        self._function()
