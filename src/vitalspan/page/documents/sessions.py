"""The document of sessions: those that are open, and the last ones that were closed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from vitalspan.sessions.session_statistics import SessionStatistics

if TYPE_CHECKING:
    from vitalspan.monitor import Monitor

MOST_OPEN: Final = 50


@dataclass(frozen=True)
class ClosedSession(SessionStatistics):
    """The statistics of a closed session, which can be compared with another one."""

    @property
    def id(self) -> str:
        """The id of the session, for the endpoint `comparison`."""
        text = f"{self.start!r} {self.name}".encode("utf-8", "replace")
        return hashlib.sha256(text).hexdigest()[:16]


@dataclass(frozen=True)
class Sessions:
    """The sessions of the process that has answered.

    Attributes:
        at: when this was created, in seconds since the Unix epoch.
        open: the open sessions, in the order of opening.
        history: the closed sessions, the latest first.
    """

    at: float
    open: tuple[SessionStatistics, ...]
    history: tuple[ClosedSession, ...]


def sessions(monitor: Monitor, asked: dict[str, Any]) -> Sessions:
    """Return the sessions that are open, and the last ones that were closed."""
    closed = closed_sessions(monitor)[-asked["limit"] :]
    return Sessions(
        at=monitor.clock.wall(),
        open=tuple(one.statistics() for one in monitor.sessions.open()[:MOST_OPEN]),
        history=tuple(reversed(closed)),
    )


def closed_sessions(monitor: Monitor) -> list[ClosedSession]:
    """Return the last closed sessions, the latest one last."""
    return [ClosedSession(**vars(one)) for one in monitor.sessions.history()]
