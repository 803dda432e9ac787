"""Formats values like Go's fmt: `%v`, `%.2f` and so on."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from vitalspan.promql.matchers import quoted
from vitalspan.rules.go_template.nodes import TemplateError
from vitalspan.rules.go_template.number_text import float_text

_VERB: Final = re.compile(r"%([-+ #0]*)(\d+)?(?:\.(\d+)?)?([a-zA-Z%])")

_MAX_WIDTH: Final = 10_000
_MAX_PRECISION: Final = 1000
"""Greater ones would use too much memory, and nobody would read the result."""


def text_of(value: Any) -> str:
    """Return a value formatted with `%v`."""
    for kind, written in _WRITERS:
        if isinstance(value, kind):
            return written(value)
    return str(value)


def _time_text(time: datetime) -> str:
    fraction = f".{time.microsecond:06d}".rstrip("0") if time.microsecond else ""
    return f"{time:%Y-%m-%d %H:%M:%S}{fraction} +0000 UTC"


def _duration_text(duration: timedelta) -> str:
    seconds = duration.total_seconds()
    if seconds == 0:
        return "0s"
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    if seconds < 1:
        unit, factor = ("ms", 1e3) if seconds >= 1e-3 else ("µs", 1e6)
        return f"{sign}{float_text(round(seconds * factor, 6))}{unit}"
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    parts = f"{hours}h" if hours else ""
    parts += f"{minutes}m" if hours or minutes else ""
    return f"{sign}{parts}{float_text(round(rest, 9))}s"


def _map_text(value: dict[Any, Any]) -> str:
    return f"map[{' '.join(f'{key}:{text_of(one)}' for key, one in sorted(value.items()))}]"


def _list_text(value: Sequence[Any]) -> str:
    return f"[{' '.join(map(text_of, value))}]"


_WRITERS: Final[tuple[tuple[Any, Callable[[Any], str]], ...]] = (
    (type(None), lambda _: "<no value>"),
    (bool, lambda value: "true" if value else "false"),
    (float, float_text),
    (datetime, _time_text),
    (timedelta, _duration_text),
    (dict, _map_text),
    ((list, tuple), _list_text),
)


def sprintf(pattern: str, arguments: Sequence[Any]) -> str:
    """Return a pattern with its verbs filled in.

    Raises:
        TemplateError: for an unsupported verb, and for an excessive width or precision.
    """
    rest = list(arguments)

    def written(match: re.Match[str]) -> str:
        flags, width, precision, verb = match.groups()
        if verb == "%":
            return "%"
        if not rest:
            return f"%!{verb}(MISSING)"
        if _is_over(width, _MAX_WIDTH) or _is_over(precision, _MAX_PRECISION):
            raise TemplateError(
                f"a number in {match.group():.80} is too large: printf takes widths up to "
                f"{_MAX_WIDTH} and precisions up to {_MAX_PRECISION}"
            )
        has_precision = "." in match.group()
        digits = int(precision or 0) if has_precision else None
        text = _verb(verb, flags, digits, rest.pop(0))
        return _padded(text, flags, int(width or 0))

    result = _VERB.sub(written, pattern)
    if rest:
        extra = ", ".join(f"{_type_name(one)}={text_of(one)}" for one in rest)
        return f"{result}%!(EXTRA {extra})"
    return result


def _is_over(digits: str | None, most: int) -> bool:
    # Python refuses to parse thousands of digits.
    return digits is not None and (len(digits) > 18 or int(digits) > most)


def _verb(verb: str, flags: str, digits: int | None, value: Any) -> str:
    if verb not in "vsqtfeEgGdxXob":
        raise TemplateError(f"%{verb} is not supported in printf")
    if verb == "v":
        return text_of(value)
    if isinstance(value, str) and verb in "sq":
        return quoted(value) if verb == "q" else value if digits is None else value[:digits]
    if isinstance(value, bool) and verb == "t":
        return text_of(value)
    if isinstance(value, float) and verb in "feEgG":
        return _float_verb(verb, flags, digits, value)
    if type(value) is int and verb in "dxXob":
        return format(value, ("+" if "+" in flags else "") + verb)
    return f"%!{verb}({_type_name(value)}={text_of(value)})"


def _float_verb(verb: str, flags: str, digits: int | None, value: float) -> str:
    sign = "+" if "+" in flags and value >= 0 else ""
    if not math.isfinite(value):
        return float_text(value)
    if digits is None:
        return sign + (float_text(value) if verb in "gG" else f"{value:.6{verb}}")
    return f"{sign}{value:.{digits}{verb}}"


def _padded(text: str, flags: str, width: int) -> str:
    if "-" in flags:
        return text.ljust(width)
    if "0" in flags and text[:1] in "+-0123456789" and text:
        return text.zfill(width)
    return text.rjust(width)


def _type_name(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    names = {int: "int", float: "float64", str: "string", type(None): "<nil>"}
    return names.get(type(value), type(value).__name__)
