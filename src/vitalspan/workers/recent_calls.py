"""The recent and slow calls of all processes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from vitalspan.recording.call_record import CallRecord

_FIELDS: Final = tuple(name for name in CallRecord._fields if name != "worker")


def calls_document(recent: Iterable[CallRecord], slow: Iterable[CallRecord]) -> dict[str, Any]:
    """Return calls as a document for JSON."""
    return {"recent": [one[:-1] for one in recent], "slow": [one[:-1] for one in slow]}


def read_calls(encoded: bytes, kind: str, worker: int) -> list[CallRecord]:
    """Return the calls that a process has published.

    Args:
        encoded: the published data.
        kind: `recent` or `slow`.
        worker: the number of the process.
    """
    try:
        document: Mapping[str, Any] = json.loads(encoded) if encoded else {}
        # A later version may publish more fields of a call.
        return [
            CallRecord(*row[: len(_FIELDS)])._replace(worker=worker)
            for row in document.get(kind, ())
        ]
    except (ValueError, TypeError, AttributeError):
        return []


def latest(calls: Iterable[CallRecord], size: int) -> list[CallRecord]:
    """Return the calls that ended last, in the order of their ends."""
    ordered = sorted(calls, key=lambda call: call.start + call.duration)
    return ordered[-size:] if size else []
