"""Numbers in Prometheus' templates: in Go's format, and with `humanize` and others.

This is used both for annotations of signal rules (`annotation_templates`) and of PromQL rules
(`go_template`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

_LARGEST_EXPONENT: Final = 6
"""The decimal exponent from which on Go writes a float with an exponent."""

_LARGE: Final = ("", "k", "M", "G", "T", "P", "E", "Z", "Y")
_SMALL: Final = ("", "m", "u", "n", "p", "f", "a", "z", "y")
_BINARY: Final = ("", "ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")


def float_text(number: float) -> str:
    """Return a float with the fewest digits that are exact, like Go's `%v`."""
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else "+Inf" if number > 0 else "-Inf"
    exact = Decimal(repr(number)).normalize()
    if number == 0 or -4 <= exact.adjusted() < _LARGEST_EXPONENT:
        return f"{exact:f}"
    mantissa = f"{exact.scaleb(-exact.adjusted()):f}"
    return f"{mantissa}e{exact.adjusted():+03d}"


def four_digits(number: float) -> str:
    """Return a float like Go's `%.4g`."""
    return f"{number:.4g}" if math.isfinite(number) else float_text(number)


def humanize(number: float) -> str:
    """Return a number with a metric prefix, such as 1.234k."""
    if number == 0 or not math.isfinite(number):
        return four_digits(number)
    return _scaled(number, _LARGE, 1000.0) if abs(number) >= 1 else _small(number)


def humanize1024(number: float) -> str:
    """Return a number with a binary prefix, such as 1.5Mi."""
    if abs(number) <= 1 or not math.isfinite(number):
        return four_digits(number)
    return _scaled(number, _BINARY, 1024.0)


def humanize_duration(seconds: float) -> str:
    """Return seconds in days, hours, minutes and seconds, such as 1h 5m 0s."""
    if not math.isfinite(seconds):
        return four_digits(seconds)
    if 0 < abs(seconds) < 1:
        return f"{_small(seconds)}s"
    if abs(seconds) < 60:
        return f"{four_digits(seconds)}s"
    sign = "-" if seconds < 0 else ""
    minutes, rest = divmod(int(abs(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [f"{days}d", f"{hours}h", f"{minutes}m", f"{rest}s"]
    return sign + " ".join(parts[0 if days else 1 if hours else 2 :])


def humanize_percentage(ratio: float) -> str:
    """Return a ratio as a percentage, such as 12.5%."""
    return f"{four_digits(ratio * 100)}%"


def _scaled(number: float, prefixes: Sequence[str], step: float) -> str:
    index = 0
    while index + 1 < len(prefixes) and abs(number) >= step:
        number /= step
        index += 1
    return four_digits(number) + prefixes[index]


def _small(number: float) -> str:
    index = 0
    while index + 1 < len(_SMALL) and abs(number) < 1:
        number *= 1000.0
        index += 1
    return four_digits(number) + _SMALL[index]
