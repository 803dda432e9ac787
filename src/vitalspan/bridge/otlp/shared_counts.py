"""Exports counts that several processes share: one of them pushes the sum for all."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from vitalspan.bridge.otlp.registry_source import Reading, Source, process_resource
from vitalspan.resource import resource_attributes

_INSTANCE = "service.instance.id"


class Leader(Protocol):
    """The election of the process that pushes."""

    def acquire(self) -> bool:
        """Become the leader unless another process is; return whether this process leads."""

    def release(self) -> None:
        """Stop leading. In a forked child, the parent keeps the lead."""


class SharedCounts(NamedTuple):
    """Counts that several processes share.

    Attributes:
        leader: decides which process pushes.
        owns: returns whether a collector shows the shared counts.
        instance: returns the common `service.instance.id` of all processes.
    """

    leader: Leader
    owns: Callable[[object], bool]
    instance: Callable[[], str]

    def service_resource(self, target_info: Mapping[str, str]) -> dict[str, str | int]:
        """Return the resource attributes of all processes together."""
        return process_resource(target_info) | {_INSTANCE: self.instance()}


class LedSource:
    """A source that is only read by the leader.

    Args:
        source: the source.
        leader: decides which process reads it.
    """

    def __init__(self, source: Source, leader: Leader) -> None:
        self._source = source
        self._leader = leader

    def read(self, time: int) -> Reading | None:
        """Return the metrics if this process leads; see `Source`."""
        return self._source.read(time) if self._leader.acquire() else None


def worker_resource(target_info: Mapping[str, str]) -> dict[str, str | int]:
    """Return the resource attributes of one of several processes.

    If the environment gives all of them the same `service.instance.id`, it is made unique.
    """
    instance = resource_attributes().get(_INSTANCE)
    resource = process_resource(target_info)
    return resource | {_INSTANCE: f"{instance}:{os.getpid()}"} if instance else resource
