"""Timestamps in RFC 3339 format."""

from __future__ import annotations

from datetime import UTC, datetime


def timestamp(moment: float) -> str:
    """Return Unix seconds in RFC 3339 format, to the millisecond."""
    text = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
