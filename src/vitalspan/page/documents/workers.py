"""The document of workers: the processes that put their counts together."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vitalspan.workers.leadership import leader_of
from vitalspan.workers.workers import WorkerInfo

if TYPE_CHECKING:
    from vitalspan.monitor import Monitor


@dataclass(frozen=True)
class Workers:
    """The processes of the service.

    Attributes:
        at: when this was created, in seconds since the Unix epoch.
        together: whether several processes share their counts.
        pid: the id of the process that has responded.
        evaluates: whether that process evaluates rules and health.
        leader: the id of the process that evaluates them for all, if it is alive.
        workers: the processes, ordered by their numbers.
    """

    at: float
    together: bool
    pid: int
    evaluates: bool
    leader: int | None
    workers: tuple[WorkerInfo, ...]


def workers(monitor: Monitor, _: dict[str, Any]) -> Workers:
    """Return the processes that put their counts together, with their ages and states."""
    with monitor.evaluation.reading_history_if_here() as history:
        evaluates = history is not None
    return Workers(
        at=monitor.clock.wall(),
        together=monitor.workers is not None,
        pid=os.getpid(),
        evaluates=evaluates,
        leader=None if monitor.workers is None else leader_of(monitor.workers.directory.path),
        workers=() if monitor.workers is None else tuple(monitor.workers.members()),
    )
