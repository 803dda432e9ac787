"""The monitors in this process, by the registry of their metrics."""

from __future__ import annotations

import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from vitalspan.clock import Clock
    from vitalspan.evaluation.evaluation import Evaluation
    from vitalspan.workers.workers import Workers


class LivingMonitor(Protocol):
    """The parts of a monitor that this module and probes use."""

    registry: Any
    clock: Clock
    closed: bool

    @property
    def not_ready(self) -> str | None:
        """The reason why the service cannot take requests; None if it can."""

    @property
    def evaluation_if_made(self) -> Evaluation | None:
        """The loop that evaluates rules and health; None if it has not been used yet."""

    @property
    def workers(self) -> Workers | None:
        """The processes that share their counts; None for a single process."""

    def start(self) -> None:
        """Start ticking."""


_living: weakref.WeakSet[LivingMonitor] = weakref.WeakSet()
_started: weakref.WeakSet[Any] = weakref.WeakSet()
"""The registries whose monitors tick, including later ones."""


def add(monitor: LivingMonitor) -> None:
    """Add a monitor, and start it if the monitors of its registry have been started."""
    _living.add(monitor)
    if monitor.registry in _started:
        monitor.start()


def start_monitors_of(registry: object) -> None:
    """Start the monitors of a registry, including later ones."""
    # An object without weak references cannot be the registry of a monitor.
    with suppress(TypeError):
        _started.add(registry)
    for monitor in monitors_of(registry):
        monitor.start()


def monitors_of(registry: object) -> list[LivingMonitor]:
    """Return the monitors whose metrics are in a registry, without blocking."""
    while True:
        # This fails if another thread creates a monitor at the same moment.
        with suppress(RuntimeError):
            return [one for one in list(_living) if one.registry is registry and not one.closed]
