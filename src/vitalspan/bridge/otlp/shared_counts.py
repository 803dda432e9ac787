"""Export of counts that several processes share: one of them pushes the sum for all."""

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
        """Lead, unless another process does; return whether this process leads."""
        ...

    def release(self) -> None:
        """Lead no more. In a forked child this leaves the lead to the parent."""
        ...


class SharedCounts(NamedTuple):
    """Counts that several processes share.

    Attributes:
        leader: decides which of them pushes.
        owns: whether a collector shows the shared counts.
        instance: returns the `service.instance.id` that all of them have together.
    """

    leader: Leader
    owns: Callable[[object], bool]
    instance: Callable[[], str]

    def service_resource(self, target_info: Mapping[str, str]) -> dict[str, str | int]:
        """Return the attributes of all processes together."""
        return process_resource(target_info) | {_INSTANCE: self.instance()}


class LedSource:
    """A source that only the leading process reads.

    Args:
        source: what is read.
        leader: decides by whom.
    """

    def __init__(self, source: Source, leader: Leader) -> None:
        self._source = source
        self._leader = leader

    def read(self, time: int) -> Reading | None:
        """Return the metrics if this process leads; see `Source`."""
        return self._source.read(time) if self._leader.acquire() else None


def worker_resource(target_info: Mapping[str, str]) -> dict[str, str | int]:
    """Return the attributes of one process of several.

    A `service.instance.id` that the environment gives to all of them is made one of its own.
    """
    instance = resource_attributes().get(_INSTANCE)
    resource = process_resource(target_info)
    return resource | {_INSTANCE: f"{instance}:{os.getpid()}"} if instance else resource
