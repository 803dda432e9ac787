"""The baselines of all figures: a plain call, the floor, and a wrapper that checks a flag.

Peers import this too, each in its own environment, so nothing but the standard library is used.
"""

from __future__ import annotations

import functools
from collections import deque
from time import perf_counter
from typing import Any

KEPT = 1024


def work(value: int) -> int:
    """The measured operation: as little as a call can do."""
    return value


async def awork(value: int) -> int:
    """The same operation as a coroutine that never suspends."""
    return value


def floor(func: Any) -> Any:
    """Two clock reads and one append to a bounded deque: the minimum that records a call."""
    append = deque(maxlen=KEPT).append
    clock = perf_counter

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        start = clock()
        result = func(*args, **kwargs)
        append(clock() - start)
        return result

    return wrapper


def afloor(func: Any) -> Any:
    """The floor around a coroutine function."""
    append = deque(maxlen=KEPT).append
    clock = perf_counter

    @functools.wraps(func)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        start = clock()
        result = await func(*args, **kwargs)
        append(clock() - start)
        return result

    return wrapper


class Switch:
    """The flag of a flag-checking wrapper."""

    def __init__(self) -> None:
        self.off = True


def flagged(func: Any, state: Switch) -> Any:
    """A wrapper that is disabled by a flag and does nothing else."""
    timed = floor(func)

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if state.off:
            return func(*args, **kwargs)
        return timed(*args, **kwargs)

    return wrapper


def aflagged(func: Any, state: Switch) -> Any:
    """The flag-checking wrapper around a coroutine function."""
    timed = afloor(func)

    @functools.wraps(func)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        if state.off:
            return await func(*args, **kwargs)
        return await timed(*args, **kwargs)

    return wrapper
