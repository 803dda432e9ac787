"""Texts of annotations with values in them, as Prometheus fills them in."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Final, NamedTuple

NO_VALUE: Final = "no data"
"""What stands in place of a value that was never known."""

_ACTION: Final = re.compile(r'\{\{((?:[^"}]|"(?:\\.|[^"\\])*"|\}(?!\}))*)\}\}', re.DOTALL)
_TOKEN: Final = re.compile(
    r"""\s*(?: (?P<value>\$value|\.Value) (?![\w.])
             | (?:\$labels|\.Labels)\.(?P<label>[a-zA-Z_][a-zA-Z0-9_]*) (?![\w.])
             | printf\s+"(?P<format>(?:\\.|[^"\\])*)"
             | (?P<function>[a-zA-Z][a-zA-Z0-9]*)
             | (?P<pipe>\|) )\s*""",
    re.VERBOSE,
)
_FORMAT: Final = re.compile(
    r"((?:[^%\\]|%%)*)%(?:((?:[1-9]\d?)?)(\.\d\d?)?([efg])|([vs]))((?:[^%\\]|%%)*)", re.DOTALL
)

_MOST_DIGITS: Final = 6
"""Digits before the point that Go writes without an exponent."""

_LARGE: Final = ("", "k", "M", "G", "T", "P", "E", "Z", "Y")
_SMALL: Final = ("", "m", "u", "n", "p", "f", "a", "z", "y")
_BINARY: Final = ("", "ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")

Value = float | str
Function = Callable[[Value], str]


class _Shown(NamedTuple):
    """The value, or a label where one is named, and what is done to it in turn."""

    label: str
    functions: tuple[Function, ...]


Part = str | _Shown


def fill(template: str, value: float | None, labels: Mapping[str, str]) -> str:
    """Return a template with a value and labels in their places.

    A label that there is not is empty. What cannot be understood stays as it is.

    Args:
        template: the text, with `{{ $value }}` and `{{ $labels.name }}`.
        value: of the signal, in its base unit; None where it was never known.
        labels: of the alert.
    """
    texts = []
    for part in _parts(template)[0]:
        if isinstance(part, str):
            texts.append(part)
        elif value is None and not part.label:
            texts.append(NO_VALUE)
        else:
            shown: Value = labels.get(part.label, "") if part.label else float(value or 0.0)
            for function in part.functions:
                shown = function(shown)
            texts.append(_text(shown))
    return "".join(texts)


def check(template: str) -> None:
    """See whether a template can be filled in, here and by Prometheus.

    Raises:
        ValueError: for what is not understood; the message says what would be.
    """
    wrong = _parts(template)[1]
    if wrong:
        raise ValueError(wrong)


def labels_of(template: str) -> tuple[str, ...]:
    """Return the labels that a template shows."""
    shown = (part.label for part in _parts(template)[0] if isinstance(part, _Shown))
    return tuple(label for label in shown if label)


@lru_cache(maxsize=1024)
def _parts(template: str) -> tuple[tuple[Part, ...], str]:
    """Return a template in parts, and what is wrong with it."""
    parts: list[Part] = []
    wrong = ""
    end = 0
    for found in _ACTION.finditer(template):
        parts.append(template[end : found.start()])
        end = found.end()
        shown = _shown(found.group(1))
        if shown is None:
            wrong = wrong or (
                f"{found.group()!r:.60} is not understood: use {{{{ $value }}}} or "
                f"{{{{ $labels.name }}}}, with | and one of {', '.join(_FUNCTIONS)}, printf"
            )
        parts.append(found.group() if shown is None else shown)
    parts.append(template[end:])
    if any(isinstance(part, str) and "{{" in part for part in parts):
        wrong = wrong or "{{ is not closed: end it with }}"
    return tuple(part for part in parts if part), wrong


def _shown(action: str) -> _Shown | None:
    """Return what stands between double braces, None for what is not understood."""
    stages: list[list[re.Match[str]]] = [[]]
    position = 0
    while position < len(action):
        token = _TOKEN.match(action, position)
        if token is None:
            return None
        position = token.end()
        if token.lastgroup == "pipe":
            stages.append([])
        else:
            stages[-1].append(token)
    if not stages[0]:
        return None
    *before, source = stages[0]
    if source.lastgroup not in ("value", "label") or len(before) > 1:
        return None
    if any(len(stage) != 1 for stage in stages[1:]):
        return None
    numeric = source.lastgroup == "value"
    functions = []
    for token in (*before, *(stage[0] for stage in stages[1:])):
        function = _function(token, numeric=numeric)
        if function is None:
            return None
        functions.append(function)
        numeric = False
    return _Shown(source.group("label") or "", tuple(functions))


def _function(token: re.Match[str], *, numeric: bool) -> Function | None:
    if token.lastgroup == "format":
        return _printf(token.group("format"), numeric=numeric)
    name = token.group("function") or ""
    if (name in _OF_TEXTS) is numeric:
        return None
    return _FUNCTIONS.get(name)


def _printf(pattern: str, *, numeric: bool) -> Function | None:
    found = _FORMAT.fullmatch(pattern)
    if found is None:
        return None
    before, after = (found.group(index).replace("%%", "%") for index in (1, 6))
    if found.group(5):
        # %s of a number is an error for Prometheus.
        numeric_s = numeric and found.group(5) == "s"
        return None if numeric_s else lambda shown: f"{before}{_text(shown)}{after}"
    if not numeric:
        return None
    width, verb = int(found.group(2) or 0), found.group(4)
    # Without a precision, Go's %g is as long as it must be, and C's is not.
    exact = verb == "g" and not found.group(3)
    format_ = f"%{found.group(3) or ''}{verb}"

    def printed(shown: Value) -> str:
        number = float(shown)
        text = _text(number) if exact or not math.isfinite(number) else format_ % number
        return f"{before}{text:>{width}}{after}"

    return printed


def _text(shown: Value) -> str:
    """Return a value as Go's %v has it: a number with the fewest digits that say it exactly."""
    if isinstance(shown, str):
        return shown
    if not math.isfinite(shown):
        return _four_digits(shown)
    exact = Decimal(repr(shown)).normalize()
    if shown == 0 or -4 <= exact.adjusted() < _MOST_DIGITS:
        return f"{exact:f}"
    mantissa = f"{exact.scaleb(-exact.adjusted()):f}"
    return f"{mantissa}e{exact.adjusted():+03d}"


def _four_digits(number: float) -> str:
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "+Inf" if number > 0 else "-Inf"
    return f"{number:.4g}"


def _scaled_up(number: float, prefixes: tuple[str, ...], step: float) -> tuple[float, str]:
    index = 0
    while index + 1 < len(prefixes) and abs(number) >= step:
        number /= step
        index += 1
    return number, prefixes[index]


def _humanize(shown: Value) -> str:
    number = float(shown)
    if number == 0 or not math.isfinite(number):
        return _four_digits(number)
    if abs(number) >= 1:
        number, prefix = _scaled_up(number, _LARGE, 1000.0)
    else:
        number, prefix = _scaled_down(number)
    return _four_digits(number) + prefix


def _scaled_down(number: float) -> tuple[float, str]:
    index = 0
    while index + 1 < len(_SMALL) and abs(number) < 1:
        number *= 1000.0
        index += 1
    return number, _SMALL[index]


def _humanize1024(shown: Value) -> str:
    number = float(shown)
    if abs(number) <= 1 or not math.isfinite(number):
        return _four_digits(number)
    number, prefix = _scaled_up(number, _BINARY, 1024.0)
    return _four_digits(number) + prefix


def _humanize_duration(shown: Value) -> str:
    seconds = float(shown)
    if not math.isfinite(seconds):
        return _four_digits(seconds)
    if 0 < abs(seconds) < 1:
        seconds, prefix = _scaled_down(seconds)
        return f"{_four_digits(seconds)}{prefix}s"
    if abs(seconds) < 60:
        return f"{_four_digits(seconds)}s"
    sign = "-" if seconds < 0 else ""
    minutes, rest = divmod(int(abs(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [f"{days}d", f"{hours}h", f"{minutes}m", f"{rest}s"]
    first = 0 if days else 1 if hours else 2
    return sign + " ".join(parts[first:])


def _humanize_percentage(shown: Value) -> str:
    return f"{_four_digits(float(shown) * 100)}%"


def _upper(shown: Value) -> str:
    return str(shown).upper()


def _lower(shown: Value) -> str:
    return str(shown).lower()


_FUNCTIONS: Final[dict[str, Function]] = {
    "humanize": _humanize,
    "humanize1024": _humanize1024,
    "humanizeDuration": _humanize_duration,
    "humanizePercentage": _humanize_percentage,
    "toUpper": _upper,
    "toLower": _lower,
}
_OF_TEXTS: Final = frozenset({"toUpper", "toLower"})
"""Functions that take a text, such as a label or what another function returned."""
