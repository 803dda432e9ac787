"""The sessions that enclose what runs here: each task and thread has its own."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, Protocol

from vitalspan.recording.call_record import CallDetails, Record

CountedKey = tuple[str, str, str, str]
"""What an amount is of: `cache`, `api` or `model`, the component and the name of the cache or API,
and the model, which is empty for the whole of it."""


class EnclosingSession(Protocol):
    """A session, as far as calls are concerned with it."""

    def add(self, series: Any, calls: Any) -> None:
        """Add a `CountedBatch` of calls of a series, in this session and in those around it."""
        ...

    def add_amount(self, counted: CountedKey, column: str, amount: float) -> None:
        """Add an amount of a cache or an API, in this session and in those around it."""
        ...


class Enclosure(CallDetails):
    """The sessions around a task or thread, in the place of the details of calls without any.

    All calls that begin within a session share one, so that a call in a session only reads a
    context variable.

    Attributes:
        session: the innermost session; None outside of any, and after it was closed.
        outer: the enclosure around it; None for the outermost one.
    """

    own = False

    def __init__(
        self, session: EnclosingSession | None = None, outer: Enclosure | None = None
    ) -> None:
        self.session = session
        self.outer = outer
        self.enclosure = self


OUTSIDE = Enclosure()
"""What is around a task or thread without sessions."""

enclosing: ContextVar[Enclosure] = ContextVar("vitalspan_sessions", default=OUTSIDE)
"""What is around this task or thread."""


def enclose(record: Record) -> None:
    """Note the sessions around a call that is about to begin."""
    if len(record) < 4:
        record.append(enclosing.get())
    else:
        record[3].enclosure = enclosing.get()


def enclosure_of(record: Record) -> Enclosure | None:
    """Return the enclosure of a call; None where it has none or is counted in it already."""
    return record[3].enclosure if len(record) > 3 else None


def innermost(
    enclosure: Enclosure | None, sessions: Mapping[int, EnclosingSession]
) -> EnclosingSession | None:
    """Return the innermost session of an enclosure that is among some; None without one."""
    while enclosure is not None:
        session = sessions.get(id(enclosure.session))
        if session is not None:
            return session
        enclosure = enclosure.outer
    return None
