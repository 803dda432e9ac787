"""Publishes the last counts when the process ends: at exit, by SIGTERM, or as a child."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import weakref
from functools import partial
from types import FrameType
from typing import Any, Final

from vitalspan.workers.publisher import Publisher

_MULTIPROCESSING: Final = ("multiprocessing", "billiard")
"""Packages whose children end by `os._exit` after running finalizers; billiard is Celery's."""

_LAST: Final = -1000
"""The priority of the finalizer: it runs after those of the application."""


class ProcessExit:
    """Publishes when the process ends: at exit, after a child's work, on SIGTERM.

    Nothing can be done about `os._exit` elsewhere, nor about SIGKILL.

    Args:
        publisher: publishes, perhaps more than once.
    """

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        atexit.register(publisher.publish)
        self.watch_child()
        self._watch_sigterm()

    def watch_child(self) -> None:
        """Publish at the end of a child of multiprocessing as well, if this is going to be one."""
        for package in _MULTIPROCESSING:
            util = sys.modules.get(f"{package}.util")
            if util is not None:
                # A child forgets all finalizers when it begins, and then calls this.
                util.register_after_fork(self, ProcessExit.add_finalizers)
        signals: Any = sys.modules.get("celery.signals")
        if signals is not None:
            # A process of its pool ends by `os._exit`, with no finalizers, right after this.
            signals.worker_process_shutdown.connect(
                self._on_shutdown, weak=False, dispatch_uid=f"vitalspan-{id(self)}"
            )

    def add_finalizers(self) -> None:
        """Publish at the end of this process, if it is a child of multiprocessing."""
        for package in _MULTIPROCESSING:
            util: Any = sys.modules.get(f"{package}.util")
            process: Any = sys.modules.get(f"{package}.process")
            if util is not None and process.current_process()._parent_pid is not None:  # noqa: SLF001
                util.Finalize(None, self._publisher.publish, exitpriority=_LAST)

    def close(self) -> None:
        """Publish no more at exit."""
        _publishers.discard(self._publisher)
        atexit.unregister(self._publisher.publish)

    def _on_shutdown(self, **_: object) -> None:
        self._publisher.publish()

    def _watch_sigterm(self) -> None:
        _publishers.add(self._publisher)
        # Whoever has a handler of their own exits by themselves.
        if threading.current_thread() is not threading.main_thread():
            return
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, publish_and_terminate)


_publishers: weakref.WeakSet[Publisher] = weakref.WeakSet()
"""Those of all monitors that are not closed: a process has one handler of a signal."""


def publish_and_terminate(number: int, _: FrameType | None) -> None:
    """Publish what every monitor has counted, and end the process by the same signal."""
    interrupted: Publisher | None = None
    try:
        for publisher in list(_publishers):
            if publisher.is_interrupted:
                interrupted = publisher
            else:
                publisher.publish(fresh=False)
    finally:
        if interrupted is None:
            _terminate(number)
        else:
            # It is nearly done, and then the process ends.
            interrupted.afterwards = partial(_terminate, number)


def _terminate(number: int) -> None:
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
