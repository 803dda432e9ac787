"""Translates units between Prometheus' words and OpenTelemetry's UCUM symbols.

The table comes from OpenTelemetry's Prometheus compatibility document, "Metric Metadata".
"""

from __future__ import annotations

import re
from typing import Final

UCUM_BY_WORD: Final = {
    "days": "d",
    "hours": "h",
    "minutes": "min",
    "seconds": "s",
    "milliseconds": "ms",
    "microseconds": "us",
    "nanoseconds": "ns",
    "bytes": "By",
    "kibibytes": "KiBy",
    "mebibytes": "MiBy",
    "gibibytes": "GiBy",
    "tebibytes": "TiBy",
    "kilobytes": "kBy",
    "megabytes": "MBy",
    "gigabytes": "GBy",
    "terabytes": "TBy",
    "meters": "m",
    "volts": "V",
    "amperes": "A",
    "joules": "J",
    "watts": "W",
    "grams": "g",
    "celsius": "Cel",
    "hertz": "Hz",
    "percent": "%",
}

_WORD_BY_UCUM: Final = {symbol: word for word, symbol in UCUM_BY_WORD.items()}

_PER: Final = {
    "s": "second",
    "m": "minute",
    "min": "minute",
    "h": "hour",
    "d": "day",
    "w": "week",
    "mo": "month",
    "y": "year",
}
"""The units of rates, in the singular."""

_ANNOTATION: Final = re.compile(r"\{[^}]*\}")


def to_ucum(word: str) -> str:
    """Return the UCUM symbol of a Prometheus unit, such as `s` for `seconds`.

    A unit that is not in the table is not changed.
    """
    return UCUM_BY_WORD.get(word, word)


def to_word(unit: str, *, ratio: bool = False) -> str:
    """Return Prometheus' name of a UCUM unit, such as `meters_per_second` for `m/s`.

    Annotations in braces, such as `{packet}`, are removed. A unit that is not in the table is not
    changed.

    Args:
        unit: the unit in UCUM.
        ratio: whether `1` is a ratio, as for gauges; otherwise it means no unit.
    """
    unit = _ANNOTATION.sub("", unit).strip()
    if unit.rstrip("/") in ("", "1"):
        return "ratio" if ratio and unit == "1" else ""
    above, slash, below = unit.partition("/")
    word = "" if above == "1" else _WORD_BY_UCUM.get(above, above)
    if not slash or not below:
        return word
    per = _PER.get(below, _WORD_BY_UCUM.get(below, below))
    return f"{word}_per_{per}" if word else f"per_{per}"
