"""State that is reset in a forked child, because the earlier state belongs to its parent."""

from __future__ import annotations

import os
import threading
import weakref
from typing import Final, Protocol

from vitalspan.runtime.internal_errors import logger


class Resettable(Protocol):
    """Something that can be reset."""

    def reset(self) -> None:
        """Start over from zero."""


imports_finish_first = threading.RLock()
"""Held during imports on first use, so that no process forks in the middle of one.

A child would wait forever for a module that another thread of its parent was importing, because
that thread does not exist in the child.
"""

queries_finish_first = threading.RLock()
"""Held while SQLite is used, so that no process forks in the middle of that.

SQLite has locks for the whole process, for memory among others. If another thread of its parent had
one of them, a child would wait for it forever, at the latest when it exits.
"""

_PATIENCE: Final = 10.0
"""Seconds that a fork waits for each of these."""


class _Fork(threading.local):
    """The locks that are held during a fork of this thread."""

    held: tuple[threading.RLock, ...] = ()


_fork: Final = _Fork()


def _wait() -> None:
    locks = (imports_finish_first, queries_finish_first)
    # Whoever holds one may hang, or wait for a lock that this thread holds.
    _fork.held = tuple(lock for lock in locks if lock.acquire(timeout=_PATIENCE))


def _go_on() -> None:
    for lock in _fork.held:
        lock.release()


def _go_on_in_child() -> None:
    _go_on()
    for lock in (imports_finish_first, queries_finish_first):
        if lock not in _fork.held:
            # Its thread does not exist here.
            lock._at_fork_reinit()  # type: ignore[attr-defined] # noqa: SLF001 - as `logging` does


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_wait, after_in_parent=_go_on, after_in_child=_go_on_in_child)

_locks: weakref.WeakSet[Resettable] = weakref.WeakSet()
_living: weakref.WeakSet[Resettable] = weakref.WeakSet()
_registered: list[bool] = []


def reset_in_child(state: Resettable, *, first: bool = False) -> None:
    """Reset `state` in every child that is forked while it lives.

    Args:
        state: the state to reset.
        first: whether to reset it before the others, as for locks that the others may take.
    """
    (_locks if first else _living).add(state)
    if not _registered and hasattr(os, "register_at_fork"):
        _registered.append(True)
        os.register_at_fork(after_in_child=_reset_all)


def _reset_all() -> None:
    for state in [*_locks, *_living]:
        # An error in one of them must not affect the others, nor keep the child from starting.
        try:
            state.reset()
        except Exception:  # noqa: BLE001
            logger.warning("state could not be reset after a fork", exc_info=True)
