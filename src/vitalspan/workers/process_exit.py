"""Publishes when the process ends, in every way that Python can detect."""

from __future__ import annotations

import weakref
from functools import partial

from vitalspan.runtime import sigterm
from vitalspan.runtime.process_end import ProcessEnd
from vitalspan.workers.publisher import Publisher


class ProcessExit(ProcessEnd):
    """Publishes when the process ends: at exit, at the end of a child's work, and on SIGTERM.

    Args:
        publisher: the publisher; it may publish more than once.
    """

    def __init__(self, publisher: Publisher) -> None:
        super().__init__(publisher.publish)
        self._publisher = publisher
        _publishers.add(publisher)
        sigterm.end_with(publish_and_terminate)

    def close(self) -> None:
        """Stop publishing at exit."""
        _publishers.discard(self._publisher)
        super().close()


_publishers: weakref.WeakSet[Publisher] = weakref.WeakSet()
"""The publishers of all monitors that are not closed, because signal handlers are per process."""


def publish_and_terminate(number: int) -> None:
    """Publish the counts of every monitor, and end the process with this signal."""
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
            # The publication is nearly done, and ends the process afterwards.
            interrupted.afterwards = partial(sigterm.terminate, number)
