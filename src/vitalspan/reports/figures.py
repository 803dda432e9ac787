"""Formats values for reports."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from vitalspan.units import DOLLARS, RATIO, SECONDS, Unit, duration_text, value_text

NOTHING: Final = "-"
"""The text if there is no value."""

_DAY: Final = 86400.0


def count_text(value: float) -> str:
    """Return an integer, or a sum of integers: `12,345`."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.6g}"


def rate_text(value: float | None) -> str:
    """Return a rate per second: `12.3/s`."""
    return NOTHING if value is None else f"{number_text(value)}/s"


def number_text(value: float) -> str:
    """Return a number with three digits, or all digits before the point: `12,346`, `1.23`."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def ratio_text(value: float | None) -> str:
    """Return a ratio, 0 to 1: `4.2 %`."""
    return NOTHING if value is None else f"{value * 100:.3g} %"


def seconds_text(value: float | None) -> str:
    """Return a duration: `512 ms`, `1h30m`."""
    if value is None:
        return NOTHING
    if 0 < value < 1e-6:
        return f"{value * 1e9:.3g} ns"
    if value < 100:
        return unit_text(value, SECONDS)
    step = 3600 if value >= _DAY else 60 if value >= 3600 else 1
    return duration_text(round(value / step) * step)


def unit_text(value: float | None, unit: Unit) -> str:
    """Return a value in a unit, with three digits."""
    if value is None:
        return NOTHING
    if unit == RATIO:
        return ratio_text(value)
    if unit.dimension == DOLLARS.dimension:
        return value_text(round(value, 4), unit)
    if unit == SECONDS:
        value = float(f"{value:.3g}")
    if unit.dimension == "number":
        return number_text(value) + (f"/{unit.per}" if unit.per else "")
    return value_text(value, unit)


def date_text(moment: float | None) -> str:
    """Return Unix seconds as date and time of day: `2026-11-29 14:05:00 UTC`."""
    return NOTHING if moment is None else f"{_utc(moment):%Y-%m-%d %H:%M:%S} UTC"


def time_text(moment: float, span: float) -> str:
    """Return Unix seconds as briefly as is unambiguous within a span of this many seconds."""
    if span <= 600:
        return f"{_utc(moment):%H:%M:%S}"
    return f"{_utc(moment):%H:%M}" if span <= _DAY else f"{_utc(moment):%b %d %H:%M}"


def sentence(text: str) -> str:
    """Return a text with a capital letter at its start and a full stop at its end.

    The name of a signal, such as `error_ratio`, stays as it is.
    """
    head, space, rest = text.rstrip(".").partition(" ")
    if "_" not in head:
        head = "CPU" if head == "cpu" else head[:1].upper() + head[1:]
    return f"{head}{space}{rest}."


def file_time(moment: float) -> str:
    """Return Unix seconds for the names of files, which sort by time."""
    return f"{_utc(moment):%Y%m%dT%H%M%SZ}"


def _utc(moment: float) -> datetime:
    return datetime.fromtimestamp(moment, UTC)
