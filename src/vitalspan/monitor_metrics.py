"""Metrics of prometheus_client that integrations and jobs add to a monitor's registry."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from prometheus_client.metrics import MetricWrapperBase

from vitalspan.errors import ConfigurationError
from vitalspan.metrics import Family

if TYPE_CHECKING:
    from vitalspan.monitor import Monitor

M = TypeVar("M", bound=MetricWrapperBase)
T = TypeVar("T")


def register(
    kind: type[M], monitor: Monitor, family: Family, labels: Sequence[str], **options: Any
) -> M:
    """Return a new metric in the registry of a monitor.

    Args:
        kind: `Counter`, `Gauge` or `Histogram` of prometheus_client.
        monitor: the monitor with the registry and the prefix.
        family: the name and the help of the metric.
        labels: the names of its labels.
        **options: further arguments of the metric.

    Raises:
        ConfigurationError: if the registry already has a metric with this name.
    """
    prefix = monitor.settings.metric_prefix
    try:
        return kind(prefix + family.name, family.help, labels, registry=monitor.registry, **options)
    except ValueError as taken:
        raise name_is_taken(taken) from None


def name_is_taken(taken: ValueError) -> ConfigurationError:
    """Return the error for a metric whose name is already in the registry."""
    return ConfigurationError(
        f"a metric of vitalspan cannot be registered: {taken}: rename your metric, or set "
        "metric_prefix"
    )


class OnePerMonitor(Generic[T]):
    """A function that returns the single object of a monitor, and creates it on first use.

    The object is dropped with its monitor.

    Args:
        make: creates the object for a monitor.
    """

    def __init__(self, make: Callable[[Monitor], T]) -> None:
        self._make = make
        self._made: weakref.WeakKeyDictionary[Monitor, T] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()

    def __call__(self, monitor: Monitor) -> T:
        """Return the object of this monitor."""
        with self._lock:
            if monitor not in self._made:
                self._made[monitor] = self._make(monitor)
            return self._made[monitor]
