"""The document of sessions: those that are open, and the last ones that were closed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from vitalspan.sessions.session_statistics import SessionStatistics

if TYPE_CHECKING:
    from vitalspan.monitor import Monitor

MOST_OPEN: Final = 50


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
    history: tuple[SessionStatistics, ...]


def sessions(monitor: Monitor, asked: dict[str, Any]) -> Sessions:
    """Return the sessions that are open, and the last ones that were closed."""
    closed = monitor.sessions.history()[-asked["limit"] :]
    return Sessions(
        at=monitor.clock.wall(),
        open=tuple(one.statistics() for one in monitor.sessions.open()[:MOST_OPEN]),
        history=tuple(reversed(closed)),
    )
