"""Low-priority work: it regularly releases the interpreter for other threads.

A thread that computes keeps the interpreter for 5 ms at a time while others want it, and these have
to wait again after each of their system calls, of which the response to a probe needs several.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_SLICE: Final = 0.001
"""Seconds of work between two pauses."""

_PAUSE: Final = 0.0001
"""The length of a pause in seconds: threads that wait for the interpreter wake up meanwhile."""


class _Pace(threading.local):
    """When the thread has its next pause, by `time.perf_counter`."""

    until = math.inf


_pace: Final = _Pace()


@contextmanager
def giving_way() -> Iterator[None]:
    """Let what this thread does within have pauses, wherever it calls `pause_if_due`."""
    before, _pace.until = _pace.until, 0.0
    try:
        yield
    finally:
        _pace.until = before


def pause_if_due() -> None:
    """Pause for a moment, if the thread gives way and has worked for long enough."""
    if _pace.until != math.inf and time.perf_counter() >= _pace.until:
        time.sleep(_PAUSE)
        _pace.until = time.perf_counter() + _SLICE
