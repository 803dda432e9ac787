"""Units: the notation of values in rules, and the base units for comparisons."""

from __future__ import annotations

import math
import re
from typing import Final, NamedTuple

from vitalspan.argument_checks import is_number


class Unit(NamedTuple):
    """The unit of a number; for rates and slopes, also the time that it is divided by."""

    dimension: str
    """`seconds`, `ratio`, `bytes`, `dollars` or `number`."""
    per: str = ""
    """`s` for a rate, `h` for a slope, empty otherwise."""

    def __str__(self) -> str:
        return f"{self.dimension}/{self.per}" if self.per else self.dimension

    @property
    def kind(self) -> str:
        """A description of values in this unit, such as `a size in bytes per hour`."""
        return _KINDS[self.dimension] + _PERIOD_WORDS[self.per]


_KINDS: Final = {
    "seconds": "a time in seconds",
    "ratio": "a ratio",
    "bytes": "a size in bytes",
    "dollars": "an amount in dollars",
    "number": "a number",
}
_PERIOD_WORDS: Final = {"": "", "s": " per second", "h": " per hour"}

SECONDS: Final = Unit("seconds")
RATIO: Final = Unit("ratio")
BYTES: Final = Unit("bytes")
DOLLARS: Final = Unit("dollars")
NUMBER: Final = Unit("number")
PER_SECOND: Final = Unit("number", "s")
DOLLARS_PER_SECOND: Final = Unit("dollars", "s")

_PERIODS: Final = {
    **dict.fromkeys(("s", "sec", "second"), 1.0),
    **dict.fromkeys(("m", "min", "minute"), 60.0),
    **dict.fromkeys(("h", "hour"), 3600.0),
    **dict.fromkeys(("d", "day"), 86400.0),
}

_DURATIONS: Final = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "min": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 604800.0,
}

_SUFFIXES: Final[dict[str, dict[str, float]]] = {
    "seconds": _DURATIONS,
    "ratio": {"": 1.0, "%": 0.01},
    "bytes": {
        "": 1.0,
        "B": 1.0,
        "kB": 1e3,
        "KB": 1e3,
        "MB": 1e6,
        "GB": 1e9,
        "TB": 1e12,
        "KiB": 2.0**10,
        "MiB": 2.0**20,
        "GiB": 2.0**30,
        "TiB": 2.0**40,
    },
    "dollars": {"": 1.0, "$": 1.0, "USD": 1.0},
    "number": {"": 1.0, "k": 1e3, "M": 1e6},
}

_EXAMPLES: Final = {
    "seconds": "500ms, 2s or 1h30m",
    "ratio": "5% or 0.05",
    "bytes": "500MB or 1.5GiB",
    "dollars": "2.50 or 2.50USD",
    "number": "100",
}

_NUMBER: Final = r"(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_VALUE: Final = re.compile(rf"\s*([+-]?)\s*({_NUMBER})\s*([^\d\s/.]*)\s*(?:/\s*([a-z]+))?\s*")
_DURATION: Final = re.compile(rf"({_NUMBER})\s*([a-zµ]+)\s*")

_LONG: Final = 120.0
"""Seconds from which on a duration is written in minutes."""


def example(unit: Unit) -> str:
    """Return an example of how to write values of a unit."""
    text = _EXAMPLES[unit.dimension]
    if unit.per:
        first = text.split(",")[0].split(" or ")[0]
        return f"{first}/min" if unit.per == "s" else f"{first}/h"
    return text


def parse_duration(value: object) -> float:
    """Return the seconds of `5m`, `1h30m` or `500ms`; a plain number is in seconds.

    Raises:
        ValueError: for an invalid duration; the message has a valid example.
    """
    seconds = _float(value) if is_number(value) else _sum_of_parts(value)
    if not math.isfinite(seconds) or seconds < 0:
        raise ValueError(f"{value!r:.60} is not a duration: use 30s, 5m or 1h30m")
    return seconds


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _sum_of_parts(value: object) -> float:
    text = value.strip() if isinstance(value, str) else ""
    if text == "0":
        return 0.0
    parts = _DURATION.findall(text)
    whole = "".join(_DURATION.sub("", text).split())
    if not parts or whole or any(unit not in _DURATIONS for _, unit in parts):
        raise ValueError(f"{value!r:.60} is not a duration: use 30s, 5m or 1h30m")
    return sum(float(number) * _DURATIONS[unit] for number, unit in parts)


def parse_value(value: object, unit: Unit) -> float:
    """Return a value in base units: `500ms` is 0.5, `5%` is 0.05, `120/min` is 2.

    A plain number is in base units.

    Raises:
        ValueError: for another unit, or something that is not a number; the message says what to
            use.
    """
    number = _float(value) if is_number(value) else _parse(value, unit)
    if not math.isfinite(number):
        raise ValueError(f"{value!r:.60} is not a finite number")
    return number


def _parse(value: object, unit: Unit) -> float:
    wrong = ValueError(f"{value!r:.60} is not {unit.kind}: use {example(unit)}")
    if not isinstance(value, str):
        raise wrong
    if unit == SECONDS and "/" not in value:
        text = value.strip()
        sign = -1.0 if text.startswith("-") else 1.0
        try:
            return sign * _plain_or_duration(text.lstrip("+-"))
        except ValueError:
            raise wrong from None
    match = _VALUE.fullmatch(value)
    if match is None:
        raise wrong
    sign_text, digits, suffix, period = match.groups()
    factors = {"": 1.0, **_DURATIONS} if unit.dimension == "seconds" else _SUFFIXES[unit.dimension]
    if suffix not in factors or (period is not None and period not in _PERIODS):
        raise wrong
    if period is not None and not unit.per:
        raise wrong
    number = float(digits) * factors[suffix] * (-1.0 if sign_text == "-" else 1.0)
    return number if period is None else number * _PERIODS[unit.per] / _PERIODS[period]


def _plain_or_duration(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return parse_duration(text)


_MILLISECOND: Final = 0.001


def duration_text(seconds: float) -> str:
    """Return seconds in Prometheus' notation of durations: `1h30m`, `500ms`."""
    rest = round(seconds * 1000)
    parts = []
    for name in ("d", "h", "m", "s", "ms"):
        count, rest = divmod(rest, round(_DURATIONS[name] * 1000))
        if count:
            parts.append(f"{count}{name}")
    return "".join(parts) or "0s"


def range_text(seconds: float) -> str:
    """Return a window as the range of a PromQL selector or subquery: `5m1ms` for five minutes.

    Since Prometheus 3 a range excludes a sample at its very start; earlier versions included it.
    With one more millisecond, both include the sample at which the window starts, as this process
    does. If no sample is that close, it makes no difference.
    """
    return duration_text(seconds + _MILLISECOND)


def value_text(value: float, unit: Unit) -> str:
    """Return a value for people: `512 ms`, `4.2 %`, `1.5 GiB`, `3.1/s`."""
    per = f"/{unit.per}" if unit.per else ""
    if math.isnan(value) or math.isinf(value):
        return str(value)
    return _scaled(value, unit.dimension) + per


_SCALES: Final = {
    "seconds": (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)),
    "bytes": (("GiB", 2.0**30), ("MiB", 2.0**20), ("KiB", 2.0**10), ("B", 1.0)),
}


def _scaled(value: float, dimension: str) -> str:
    size = abs(value)
    if dimension == "seconds" and size >= _LONG:
        return ("-" if value < 0 else "") + duration_text(round(size))
    for name, scale in _SCALES.get(dimension, ()):
        if size >= scale:
            return f"{value / scale:.4g} {name}"
    plain = {
        "ratio": f"{value * 100:.4g} %",
        "seconds": f"{value:.4g} s",
        "bytes": f"{value:.4g} B",
        "dollars": f"${value:.4g}",
    }
    return plain.get(dimension, f"{value:.6g}")
