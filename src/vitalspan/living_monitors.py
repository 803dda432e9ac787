"""The monitors that live in this process, by the registry that their metrics are in."""

from __future__ import annotations

import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from vitalspan.clock import Clock
    from vitalspan.evaluation import Evaluation


class LivingMonitor(Protocol):
    """The part of a monitor that this module and probes use."""

    registry: Any
    clock: Clock
    closed: bool

    @property
    def not_ready(self) -> str | None:
        """The reason why the service cannot take requests; None if it can."""

    @property
    def evaluation_if_made(self) -> Evaluation | None:
        """The loop that evaluates rules and health, or None if nothing has used it yet."""

    @property
    def workers(self) -> object:
        """The processes that put their counts together; None for a process by itself."""

    def start(self) -> None:
        """Start to tick."""


_living: weakref.WeakSet[LivingMonitor] = weakref.WeakSet()
_started: weakref.WeakSet[Any] = weakref.WeakSet()
"""Registries whose monitors tick, also those that are made later."""


def add(monitor: LivingMonitor) -> None:
    """Add a monitor, and start it if the monitors of its registry were started."""
    _living.add(monitor)
    if monitor.registry in _started:
        monitor.start()


def start_monitors_of(registry: object) -> None:
    """Start the monitors of a registry, and also those that are made later."""
    # An object without weak references is no registry that a monitor could be in.
    with suppress(TypeError):
        _started.add(registry)
    for monitor in monitors_of(registry):
        monitor.start()


def monitors_of(registry: object) -> list[LivingMonitor]:
    """Return the monitors whose metrics are in a registry, without waiting for anything."""
    while True:
        # It fails when another thread makes a monitor at this moment.
        with suppress(RuntimeError):
            return [one for one in list(_living) if one.registry is registry and not one.closed]
