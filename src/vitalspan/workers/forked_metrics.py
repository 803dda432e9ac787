"""Counts in a registry's metrics that a forked child has inherited from its parent.

The values of prometheus_client survive a fork. The parent publishes them, so a child has to know
them to publish only what it has added. They are read right after the fork, while the child has a
single thread.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector


def free_locks(registry: CollectorRegistry, collectors: Iterable[Collector]) -> None:
    """Replace the locks that other threads of the parent held when it forked.

    Those threads do not exist in the child, so nobody would ever release the locks.

    Args:
        registry: the registry.
        collectors: the collectors in it that belong to prometheus_client.
    """
    _free(registry)
    for one in collectors:
        for metric in with_children(one):
            _free(metric)
            for value in list(vars(metric).values()):
                for part in value if isinstance(value, list) else (value,):
                    _free(part)


def has_callback(metric: Collector) -> bool:
    """Whether a gauge calls a function of the application for its value."""
    return any("_child_samples" in vars(one) for one in with_children(metric))


def with_children(metric: Any) -> Iterator[Any]:
    """Yield a metric, and its children for label values."""
    yield metric
    yield from list(getattr(metric, "_metrics", {}).values())


def _free(owner: Any) -> None:
    lock = getattr(owner, "_lock", None)
    if not isinstance(lock, _LOCKS):
        return
    if lock.acquire(blocking=False):
        lock.release()
    else:
        owner._lock = type(lock)() if isinstance(lock, _RLOCK) else threading.Lock()  # noqa: SLF001


_RLOCK = type(threading.RLock())
_LOCKS = (type(threading.Lock()), _RLOCK)
