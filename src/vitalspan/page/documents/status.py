"""The document of the status: what is worth a glance, and what pages follow."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from vitalspan._version import __version__
from vitalspan.resource import resource_attributes, service_instance_id
from vitalspan.runtime import fork

if TYPE_CHECKING:
    from vitalspan.monitor import Monitor


class _Boot:
    """An id of this process, by which a page notices that the server has restarted."""

    def __init__(self) -> None:
        self.reset()
        fork.reset_in_child(self)

    def reset(self) -> None:
        """Take another id, as a forked child does."""
        self.id = secrets.token_hex(8)


_boot: Final = _Boot()


@dataclass(frozen=True)
class Status:
    """The status of the service at a glance.

    Attributes:
        at: when this was created, in seconds since the Unix epoch.
        service: its name, from `OTEL_SERVICE_NAME` or the resource attribute `service.name`; None
            if it has none.
        instance: the id of this instance, by default its host and process id.
        pid: the id of the process that has responded.
        boot: an id that changes whenever the process restarts.
        version: the version of vitalspan.
        score: the health score from 0 to 100; None if it is unknown.
        status: the level of the score.
        firing: the number of firing alerts.
        pending: the number of pending alerts.
        tick_interval: seconds between two evaluations.
        recording: whether calls are recorded.
        earlier: whether a store or a Prometheus has history from before that in memory.
    """

    at: float
    service: str | None
    instance: str
    pid: int
    boot: str
    version: str
    score: float | None
    status: str
    firing: int
    pending: int
    tick_interval: float
    recording: bool
    earlier: bool


def status(monitor: Monitor, _: dict[str, Any] | None = None) -> Status:
    """Return the status of the service at a glance."""
    health = monitor.health()
    states = [alert.state for alert in monitor.alerts.active()]
    return Status(
        at=monitor.clock.wall(),
        service=resource_attributes().get("service.name"),
        instance=service_instance_id(),
        pid=os.getpid(),
        boot=_boot.id,
        version=__version__,
        score=health.score,
        status=health.status,
        firing=states.count("firing"),
        pending=states.count("pending"),
        tick_interval=monitor.evaluation.ticker.interval,
        recording=monitor.enabled,
        earlier=monitor.statistics.earlier_history is not None,
    )
