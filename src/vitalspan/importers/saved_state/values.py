"""The values in saved state: numbers, times and texts."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any, Final

from vitalspan.importers.saved_state.placed_json import Mistake, PlacedObject

_MILLISECONDS_FROM: Final = 1e11
"""Larger numbers are times in milliseconds: in seconds, they would be after the year 5138."""


def first_of(value: PlacedObject, *names: str) -> tuple[str, Any]:
    """Return the first of some fields that an object has, and its value; None if it has none."""
    return next(((name, value[name]) for name in names if value.get(name) is not None), ("", None))


def number_of(value: PlacedObject, *names: str) -> float | None:
    """Return the number in the first of some fields, zero or more; None without any of them.

    Raises:
        Mistake: for a value that is not such a number.
    """
    name, found = first_of(value, *names)
    if not name:
        return None
    is_number = isinstance(found, (int, float)) and not isinstance(found, bool)
    if not is_number or not math.isfinite(found) or found < 0:
        raise Mistake(value.line, f"{name}: {found!r:.80} is not a number from 0 up")
    return float(found)


def time_of(value: PlacedObject, *names: str) -> float | None:
    """Return the time in the first of some fields, in seconds since the Unix epoch, or None.

    A text without a time zone is in this machine's time zone, as the older monitors wrote it.

    Raises:
        Mistake: for a value that is not a time.
    """
    name, found = first_of(value, *names)
    if not name:
        return None
    if isinstance(found, str):
        try:
            return datetime.fromisoformat(found.strip()).timestamp()
        except (ValueError, OverflowError, OSError):
            raise Mistake(value.line, f"{name}: {found!r:.80} is not a time") from None
    seconds = number_of(value, name) or 0.0
    return seconds / 1000 if seconds >= _MILLISECONDS_FROM else seconds


def text_of(value: PlacedObject, *names: str) -> str:
    """Return the text in the first of some fields; empty without any of them.

    Raises:
        Mistake: for a value that is not a text.
    """
    name, found = first_of(value, *names)
    if name and not isinstance(found, str):
        raise Mistake(value.line, f"{name}: {found!r:.80} is not a text")
    return found or ""


def flag_of(value: PlacedObject, name: str, *, default: bool) -> bool:
    """Return whether a field is true.

    Raises:
        Mistake: for a value that is neither true nor false.
    """
    found = value.get(name)
    if found is None:
        return default
    if not isinstance(found, bool):
        raise Mistake(value.line, f"{name}: {found!r:.80} is neither true nor false")
    return found
