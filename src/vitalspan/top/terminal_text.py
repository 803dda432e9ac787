"""Texts for the terminal: short numbers, and names without control characters."""

from __future__ import annotations

from typing import Final

from vitalspan.words import one_line

UNKNOWN: Final = "-"
_LONGEST: Final = 200
"""The maximum number of characters of a text from a server."""
_KILO: Final = 1000.0
_LONG: Final = 59.95
"""Seconds from which on durations are written in minutes, because they would be rounded to 60."""
_UNIT: Final = 0.9995
"""The value from which on three digits round to 1 of a unit."""


def safe(text: str) -> str:
    """Return a text from a server in one line, cut, with terminal control characters escaped."""
    line = one_line(text[: _LONGEST + 1])
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"


def number(value: float | None) -> str:
    """Return a number in at most five characters: `0.25`, `12.3`, `1.5k`."""
    if value is None:
        return UNKNOWN
    for suffix in ("", "k", "M", "G", "T"):
        if abs(value) < 999.5 or suffix == "T":
            break
        value /= _KILO
    digits = 0 if value >= 99.95 or value == int(value) else 1 if value >= 9.995 else 2
    return f"{value:.{digits}f}{suffix}"


def percent(ratio: float | None) -> str:
    """Return a ratio of calls: `2.5%`."""
    return UNKNOWN if ratio is None else f"{ratio * 100:.1f}%"


def seconds(value: float | None) -> str:
    """Return a duration with three digits: `250µs`, `12.3ms`, `4.56s`, `3m20s`, `2h05m`."""
    if value is None:
        return UNKNOWN
    if value >= _LONG:
        minutes, rest = divmod(round(value), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{rest:02d}s"
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if value * scale >= _UNIT or unit == "µs":
            break
    return f"{value * scale:.3g}{unit}" if value else "0s"
