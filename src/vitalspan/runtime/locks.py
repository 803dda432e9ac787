"""Taking a lock so that no exception from a signal handler can leave it taken."""

from __future__ import annotations

from threading import Lock


def acquire(lock: Lock, seconds: float = 0.0) -> bool:
    """Take a lock, and return whether it was free within `seconds`; 0 only tries.

    The caller's next statement is the `try` whose `finally` releases the lock.
    """
    # Signal handlers run after a call, and what one raises there would leave the lock taken for
    # good. Unpacking an iterator takes the lock without a call.
    [taken] = map(lock.acquire, (seconds > 0,), (seconds or -1,))
    return taken
