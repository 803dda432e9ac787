"""State that is reset in a forked child, because the earlier state belongs to its parent."""

from __future__ import annotations

import os
import threading
import weakref
from typing import Protocol

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

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=imports_finish_first.acquire,
        after_in_parent=imports_finish_first.release,
        after_in_child=imports_finish_first.release,
    )

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
