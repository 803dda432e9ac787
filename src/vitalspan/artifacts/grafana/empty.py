"""What returns nothing on purpose, while all is well or where something is not used.

`vitalspan grafana check` and the tests know these; anything else that returns nothing is wrong.
"""

from __future__ import annotations

from typing import Final, NamedTuple

EVERY: Final = "*"
"""In place of a uid: on every dashboard."""


class Empty(NamedTuple):
    """Queries that may return nothing.

    Attributes:
        uid: of the dashboard.
        title: of the panel, or the name of the variable or the annotation.
        reason: why, for people.
        refs: the letters of the panel's queries; all of them where none are given.
    """

    uid: str
    title: str
    reason: str
    refs: tuple[str, ...] = ()


NO_FAULT: Final = "there has been no such fault"
_NOT_YET: Final = "Prometheus has no samples of then yet"

EMPTY: Final = (
    Empty(EVERY, "Alerts", "no rule has begun to fire"),
    Empty("vitalspan-overview", "Points lost", "the score lacks nothing of 100"),
    Empty("vitalspan-overview", "Most failing operations", "no call has raised for 5m"),
    Empty("vitalspan-overview", "Firing alerts", "no rule fires", ("A",)),
    Empty("vitalspan-resources", "Left out", NO_FAULT, ("B", "C")),
    Empty("vitalspan-trends", "Calls", _NOT_YET, ("B", "C")),
    Empty("vitalspan-trends", "Errors", _NOT_YET, ("B", "C")),
    Empty("vitalspan-trends", "Duration, 95th percentile", _NOT_YET, ("B", "C")),
)


def reason(uid: str, title: str, ref: str) -> str | None:
    """Return why a query may return nothing; None where it may not.

    Args:
        uid: of the dashboard.
        title: of the panel, or the name of the variable or the annotation.
        ref: the letter of the panel's query.
    """
    for one in EMPTY:
        if one.uid in (EVERY, uid) and one.title == title and (not one.refs or ref in one.refs):
            return one.reason
    return None
