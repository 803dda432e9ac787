"""Publishes at the end of the process, however Python lets one know of it."""

from __future__ import annotations

import weakref
from functools import partial

from vitalspan.runtime import sigterm
from vitalspan.runtime.process_end import ProcessEnd
from vitalspan.workers.publisher import Publisher


class ProcessExit(ProcessEnd):
    """Publishes when the process ends: at exit, after a child's work, on SIGTERM.

    Args:
        publisher: publishes, perhaps more than once.
    """

    def __init__(self, publisher: Publisher) -> None:
        super().__init__(publisher.publish)
        self._publisher = publisher
        _publishers.add(publisher)
        sigterm.end_with(publish_and_terminate)

    def close(self) -> None:
        """Publish no more at exit."""
        _publishers.discard(self._publisher)
        super().close()


_publishers: weakref.WeakSet[Publisher] = weakref.WeakSet()
"""Those of all monitors that are not closed: a process has one handler of a signal."""


def publish_and_terminate(number: int) -> None:
    """Publish what every monitor has counted, and end the process by the signal of this number."""
    interrupted: Publisher | None = None
    try:
        for publisher in list(_publishers):
            if publisher.is_interrupted:
                interrupted = publisher
            else:
                publisher.publish(fresh=False)
    finally:
        if interrupted is None:
            sigterm.terminate(number)
        else:
            # It is nearly done, and then the process ends.
            interrupted.afterwards = partial(sigterm.terminate, number)
