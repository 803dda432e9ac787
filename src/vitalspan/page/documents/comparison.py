"""The document of a comparison: what changed between two closed sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from vitalspan.page.documents.changes import is_change
from vitalspan.page.documents.sessions import ClosedSession, closed_sessions
from vitalspan.page.problem import NotFoundError
from vitalspan.sessions.comparison import Change, OperationComparison
from vitalspan.statistics.call_statistics import CallStatistics

if TYPE_CHECKING:
    from vitalspan.monitor import Monitor

MOST_OPERATIONS: Final = 100


@dataclass(frozen=True)
class ComparedSession:
    """One of two sessions that are compared.

    Attributes:
        id: the id of the session.
        name: the name of the session.
        parent: the name of the session around it; None without one.
        start: when it was opened, in seconds since the Unix epoch.
        duration: seconds until it was closed.
        calls: the statistics of all its calls.
    """

    id: str
    name: str
    parent: str | None
    start: float
    duration: float
    calls: CallStatistics


@dataclass(frozen=True)
class SessionComparison:
    """The changes from one session to another one.

    Attributes:
        at: when this was created, in seconds since the Unix epoch.
        confidence: the required confidence of a test for a change to count, 0 to 1.
        before: the first session.
        after: the second session.
        operations: at most 100 operations, those that have changed first, and then those that took
            most time in the second session.
        changed: the number of operations that have changed, that are new, or that were no longer
            called.
        operations_left_out: the number of further operations.
        counts: the changes of the program's own counts, at most 100 of each session.
    """

    at: float
    confidence: float
    before: ComparedSession
    after: ComparedSession
    operations: tuple[OperationComparison, ...]
    changed: int
    operations_left_out: int
    counts: tuple[Change, ...]


def comparison(monitor: Monitor, asked: dict[str, Any]) -> SessionComparison:
    """Return what changed between two closed sessions, and how sure statistical tests are of it."""
    closed = {one.id: one for one in closed_sessions(monitor)}
    before, after = (_found(closed, asked, which) for which in ("before", "after"))
    compared = monitor.sessions.compare(before, after, confidence=asked["confidence"])
    changed = [one for one in compared.operations if is_change(one)]
    others = [one for one in compared.operations if not is_change(one)]
    return SessionComparison(
        at=monitor.clock.wall(),
        confidence=compared.confidence,
        before=_shown(before),
        after=_shown(after),
        operations=(*changed, *others)[:MOST_OPERATIONS],
        changed=len(changed),
        operations_left_out=max(0, len(compared.operations) - MOST_OPERATIONS),
        counts=tuple(compared.counts.values()),
    )


def _found(closed: dict[str, ClosedSession], asked: dict[str, Any], which: str) -> ClosedSession:
    found = closed.get(asked[which])
    if found is None:
        raise NotFoundError(
            f"there is no closed session with the id {which}={asked[which]!r:.80}: "
            "only the latest sessions are kept, and without a store only those of this process"
        )
    return found


def _shown(one: ClosedSession) -> ComparedSession:
    return ComparedSession(one.id, one.name, one.parent, one.start, one.duration, one.calls)
