"""Waiting for something that another thread or program does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(predicate: Callable[[], T], timeout: float = 180.0) -> T:
    """Call a function again and again until its result is true, and return it.

    Raises:
        AssertionError: if it is still not after `timeout` seconds; the message has the last one.
    """
    deadline = time.monotonic() + timeout
    while not (answer := predicate()):
        if time.monotonic() > deadline:
            raise AssertionError(f"still {answer!r} after {timeout} s")
        time.sleep(0.01)
    return answer
