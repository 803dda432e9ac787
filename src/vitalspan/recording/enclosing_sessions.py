"""The sessions around the current code: each task and thread has its own."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, Protocol

from vitalspan.recording.call_record import CallDetails, Record

CountedKey = tuple[str, str, str, str]
"""What an amount belongs to: `cache`, `api` or `model`, the component and the name of the cache or
API, and the model, which is empty for the whole cache or API."""


class EnclosingSession(Protocol):
    """The methods of a session that calls use."""

    def add(self, series: Any, calls: Any) -> None:
        """Add a `CountedBatch` of a series' calls to this session and to those around it."""

    def add_amount(self, counted: CountedKey, column: str, amount: float) -> None:
        """Add an amount of a cache or an API to this session and to those around it."""


class Enclosure(CallDetails):
    """The sessions around a task or thread, stored in place of a call's details.

    All calls that begin within a session share one, so that a call in a session only reads a
    context variable.

    Attributes:
        session: the innermost session; None outside of any, and after it has been closed.
        outer: the enclosure around it; None for the outermost one.
    """

    own = False

    def __init__(
        self, session: EnclosingSession | None = None, outer: Enclosure | None = None
    ) -> None:
        self.session = session
        self.outer = outer
        self.enclosure = self

    def without_closed(self) -> Enclosure:
        """Take the closed sessions out of the enclosure, and return the innermost open one."""
        first: Enclosure = self
        while first.session is None and first.outer is not None:
            first = first.outer
        if first.outer is not None:
            first.outer = first.outer.without_closed()
        return first


OUTSIDE = Enclosure()
"""The enclosure of a task or thread without sessions."""

enclosing: ContextVar[Enclosure] = ContextVar("vitalspan_sessions", default=OUTSIDE)
"""The enclosure of the current task or thread."""


def enclose(record: Record) -> None:
    """Store the sessions around a call that is about to begin."""
    if len(record) < 4:
        record.append(enclosing.get())
    else:
        record[3].enclosure = enclosing.get()


def enclosure_of(record: Record) -> Enclosure | None:
    """Return the enclosure of a call; None without one or if the call has been counted in it."""
    return record[3].enclosure if len(record) > 3 else None


def innermost(
    enclosure: Enclosure | None, sessions: Mapping[int, EnclosingSession]
) -> EnclosingSession | None:
    """Return the innermost session of an enclosure that is in `sessions`; None without one."""
    while enclosure is not None:
        session = sessions.get(id(enclosure.session))
        if session is not None:
            return session
        enclosure = enclosure.outer
    return None
