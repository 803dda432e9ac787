"""Acquires a lock such that an exception in a signal handler cannot leave it locked."""

from __future__ import annotations

from threading import Lock


def acquire(lock: Lock, seconds: float = 0.0) -> bool:
    """Acquire a lock; return whether it was free within `seconds`; 0 only tries.

    The caller's next statement is the `try` whose `finally` releases the lock.
    """
    # Signal handlers run after a call, and an exception in one would leave the lock locked for
    # good. Unpacking an iterator acquires the lock without a Python call.
    [taken] = map(lock.acquire, (seconds > 0,), (seconds or -1,))
    return taken
