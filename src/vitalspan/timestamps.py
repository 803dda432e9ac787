"""Moments as RFC 3339 writes them."""

from __future__ import annotations

from datetime import UTC, datetime


def timestamp(moment: float) -> str:
    """Return Unix seconds as RFC 3339 writes them, to the millisecond."""
    text = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
