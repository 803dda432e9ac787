"""A forked child counts from zero: what was before the fork is its parent's."""

from __future__ import annotations

import os
import weakref
from typing import Protocol

from vitalspan.record.faults import logger


class Resettable(Protocol):
    """Something that can begin anew."""

    def reset(self) -> None:
        """Begin anew from zero."""


_living: weakref.WeakSet[Resettable] = weakref.WeakSet()
_registered: list[bool] = []


def reset_in_child(state: Resettable) -> None:
    """Reset `state` in every child that is forked while it lives."""
    _living.add(state)
    if not _registered and hasattr(os, "register_at_fork"):
        _registered.append(True)
        os.register_at_fork(after_in_child=_reset_all)


def _reset_all() -> None:
    for state in list(_living):
        # What one of them cannot do must not keep the others from it, nor the child from starting.
        try:
            state.reset()
        except Exception:  # noqa: BLE001, PERF203
            logger.warning("state could not be reset after a fork", exc_info=True)
