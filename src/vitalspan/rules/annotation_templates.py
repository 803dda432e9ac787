"""Annotation templates of signal rules, such as `{{ $value | humanize }}`.

They are a subset of Prometheus' templates, which can be checked when a file is read and exported
unchanged. Annotations of PromQL rules have all of Go's templates, in `go_template`.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from vitalspan.rules.number_text import (
    float_text,
    humanize,
    humanize1024,
    humanize_duration,
    humanize_percentage,
)

NO_VALUE: Final = "no data"
"""The text for a value that was never known."""

_ACTION: Final = re.compile(r'\{\{((?:[^"}]|"(?:\\.|[^"\\])*"|\}(?!\}))*)\}\}', re.DOTALL)
_SPACE: Final = r"[ \t\r\n]"
"""The whitespace between the words of a template; Python's is a larger set."""

_ODD: Final = re.compile(r"[^\x20-\x7e\t\r\n]")
_TOKEN: Final = re.compile(
    rf"""{_SPACE}*(?: (?P<value>\$value|\.Value) (?![\w.])
             | (?:\$labels|\.Labels)\.(?P<label>[a-zA-Z_][a-zA-Z0-9_]*) (?![\w.])
             | printf{_SPACE}+"(?P<format>(?:\\.|[^"\\\n])*)"
             | (?P<function>[a-zA-Z][a-zA-Z0-9]*)
             | (?P<pipe>\|) ){_SPACE}*""",
    re.VERBOSE | re.ASCII,
)
_FORMAT: Final = re.compile(
    r"((?:[^%\\]|%%)*)%(?:((?:[1-9]\d?)?)(\.\d\d?)?([efg])|([vs]))((?:[^%\\]|%%)*)", re.DOTALL
)


Value = float | str
Function = Callable[[Value], str]


class _Substitution(NamedTuple):
    """The meaning of a placeholder: the value or a label, and the functions applied to it."""

    label: str
    functions: tuple[Function, ...]


Part = str | _Substitution


def fill(template: str, value: float | None, labels: Mapping[str, str]) -> str:
    """Return a template filled in with a value and labels.

    A missing label is empty. Anything that cannot be parsed is not changed.

    Args:
        template: the text, with `{{ $value }}` and `{{ $labels.name }}`.
        value: the value of the signal in its base unit; None if it was never known.
        labels: the labels of the alert.
    """
    texts = []
    for part in _parts(template)[0]:
        if isinstance(part, str):
            texts.append(part)
        elif value is None and not part.label:
            texts.append(NO_VALUE)
        else:
            result: Value = labels.get(part.label, "") if part.label else float(value or 0.0)
            for function in part.functions:
                result = function(result)
            texts.append(_text(result))
    return "".join(texts)


def check(template: str) -> None:
    """Check that both this module and Prometheus can fill in a template.

    Raises:
        ValueError: for an invalid template; the message says what to write.
    """
    mistake = _parts(template)[1]
    if mistake:
        raise ValueError(mistake)


def labels_of(template: str) -> tuple[str, ...]:
    """Return the labels that a template uses."""
    labels = (part.label for part in _parts(template)[0] if isinstance(part, _Substitution))
    return tuple(label for label in labels if label)


@lru_cache(maxsize=1024)
def _parts(template: str) -> tuple[tuple[Part, ...], str]:
    """Return the parts of a template, and a message about a mistake in it."""
    parts: list[Part] = []
    mistake = ""
    end = 0
    for match in _ACTION.finditer(template):
        parts.append(template[end : match.start()])
        end = match.end()
        substitution = _parse_action(match.group(1))
        if substitution is None:
            mistake = (
                mistake
                or _odd_character(match.group())
                or (
                    f"{match.group()!r:.60} is not understood: use {{{{ $value }}}} or "
                    f"{{{{ $labels.name }}}}, with | and one of {', '.join(_FUNCTIONS)}, printf"
                )
            )
        parts.append(match.group() if substitution is None else substitution)
    parts.append(template[end:])
    if any(isinstance(part, str) and "{{" in part for part in parts):
        mistake = mistake or "{{ is not closed: end it with }}"
    return tuple(part for part in parts if part), mistake


def _odd_character(action: str) -> str:
    """Return a message about a character that looks like another one; empty if there is none.

    Quoted strings may have any characters.
    """
    odd = _ODD.search(re.sub(r'"(?:\\.|[^"\\])*"', "", action))
    if odd is None:
        return ""
    character = odd.group()
    name = unicodedata.name(character, "a control character").lower()
    kind = unicodedata.category(character)
    hint = "type a plain space" if kind == "Zs" else "leave it out"
    if character.isalnum():
        hint = "use plain letters and digits"
    elif kind in ("Pi", "Pf"):
        hint = 'use plain quotes, as in printf "%.1f"'
    return f"{{{{ }}}} has U+{ord(character):04X} ({name}), which Prometheus refuses: {hint}"


def _parse_action(action: str) -> _Substitution | None:
    """Parse the content of double braces; None if it is invalid."""
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
    return _Substitution(source.group("label") or "", tuple(functions))


def _function(token: re.Match[str], *, numeric: bool) -> Function | None:
    if token.lastgroup == "format":
        return _printf(token.group("format"), numeric=numeric)
    name = token.group("function") or ""
    if (name in _OF_TEXTS) is numeric:
        return None
    return _FUNCTIONS.get(name)


def _printf(pattern: str, *, numeric: bool) -> Function | None:
    match = _FORMAT.fullmatch(pattern)
    if match is None:
        return None
    before, after = (match.group(index).replace("%%", "%") for index in (1, 6))
    if match.group(5):
        # Prometheus refuses %s of a number.
        numeric_s = numeric and match.group(5) == "s"
        return None if numeric_s else lambda argument: f"{before}{_text(argument)}{after}"
    if not numeric:
        return None
    width, verb = int(match.group(2) or 0), match.group(4)
    # Without a precision, Go's %g is exact, and C's is not.
    exact = verb == "g" and not match.group(3)
    format_ = f"%{match.group(3) or ''}{verb}"

    def printed(argument: Value) -> str:
        number = float(argument)
        text = _text(number) if exact or not math.isfinite(number) else format_ % number
        return f"{before}{text:>{width}}{after}"

    return printed


def _text(argument: Value) -> str:
    """Return a value like Go's %v: a number has the fewest digits that are exact."""
    if isinstance(argument, str):
        return argument
    return float_text(argument)


def _of_number(written: Callable[[float], str]) -> Function:
    return lambda argument: written(float(argument))


def _upper(argument: Value) -> str:
    return str(argument).upper()


def _lower(argument: Value) -> str:
    return str(argument).lower()


_FUNCTIONS: Final[dict[str, Function]] = {
    "humanize": _of_number(humanize),
    "humanize1024": _of_number(humanize1024),
    "humanizeDuration": _of_number(humanize_duration),
    "humanizePercentage": _of_number(humanize_percentage),
    "toUpper": _upper,
    "toLower": _lower,
}
_OF_TEXTS: Final = frozenset({"toUpper", "toLower"})
"""Functions that take a string, such as a label or the result of another function."""
