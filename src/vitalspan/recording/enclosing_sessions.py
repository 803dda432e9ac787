"""The sessions that enclose what runs here: each task and thread has its own."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Protocol

from vitalspan.recording.call_record import Record


class EnclosingSession(Protocol):
    """A session, as far as calls are concerned with it."""

    def take(self, record: Record) -> bool:
        """Count a call that has just begun; return False for one that is not the session's."""
        ...


Link = tuple[EnclosingSession, "Link | None"]
"""A session, and the link of the one around it."""

enclosing: ContextVar[Link | None] = ContextVar("vitalspan_sessions", default=None)
"""The sessions around this task or thread, the innermost first."""


def note_in_session(record: Record) -> None:
    """Give a call that has begun to the innermost session that it belongs to, if there is one."""
    try:
        link = enclosing.get()
        while link is not None:
            session, link = link
            if session.take(record):
                return
    except Exception:  # noqa: BLE001 - the user's call must not fail
        record[2].recorder.internal_errors.note("session", "a call is missing in its session")
