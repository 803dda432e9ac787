"""Frees the locks of a prometheus_client registry in a forked child.

A lock that another thread held at the fork stays locked in the child, where that thread does not
exist: the next scrape would wait for it forever.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import CellType, FunctionType
from typing import Any, Final

from prometheus_client import CollectorRegistry

_VALUES: Final = ("_value", "_sum", "_count", "_buckets", "_metrics")
"""The attributes of prometheus_client's metrics that hold values and children."""


class RegistryLocks:
    """Frees the locks of one registry and of its metrics in every forked child.

    Args:
        registry: the registry.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def reset(self) -> None:
        """Replace locked locks; called in a child, while it has a single thread."""
        _free(self._registry, "_lock")
        for collector in list(self._registry._collector_to_names):  # noqa: SLF001
            for owner in _lock_owners(collector):
                _free(owner, "_lock")
                _free_shared(owner)


def _lock_owners(metric: Any) -> Iterator[Any]:
    """Yield a metric, its values, and the same of its children."""
    yield metric
    for name in _VALUES:
        values = getattr(metric, name, None)
        if isinstance(values, dict):
            for child in list(values.values()):
                yield from _lock_owners(child)
        elif isinstance(values, list):
            yield from values
        elif values is not None:
            yield values


def _free(owner: Any, name: str) -> None:
    lock = getattr(owner, name, None)
    if lock is not None and _is_taken(lock):
        setattr(owner, name, _new_like(lock))


def _free_shared(value: Any) -> None:
    """Free the lock that all values share in prometheus_client's multiprocess mode."""
    get = getattr(type(value), "get", None)
    if not isinstance(get, FunctionType):
        return
    for cell in get.__closure__ or ():
        if isinstance(cell, CellType) and _is_taken(cell.cell_contents):
            cell.cell_contents = _new_like(cell.cell_contents)


def _is_taken(lock: Any) -> bool:
    acquire = getattr(lock, "acquire", None)
    if acquire is None:
        return False
    if acquire(blocking=False):
        lock.release()
        return False
    return True


def _new_like(lock: Any) -> Any:
    return threading.Lock() if isinstance(lock, type(threading.Lock())) else threading.RLock()
