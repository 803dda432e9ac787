"""Annotation templates of signal rules, such as `{{ $value | humanize }}`.

They are a subset of Prometheus' templates, which can be checked when a file is read and exported
unchanged. Annotations of PromQL rules have all of Go's templates, in `go_template`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from vitalspan.rules.go_template import nodes as tree
from vitalspan.rules.go_template.functions import FUNCTIONS
from vitalspan.rules.go_template.go_format import sprintf, text_of
from vitalspan.rules.go_template.nodes import TemplateError
from vitalspan.rules.go_template.syntax import parse_template

NO_VALUE: Final = "no data"
"""The text for a value that was never known."""

_ACTION: Final = re.compile(r'\{\{((?:[^"}]|"(?:\\.|[^"\\])*"|\}(?!\}))*)\}\}', re.DOTALL)
_ODD: Final = re.compile(r"[^\x20-\x7e\t\r\n]")
_FORMAT: Final = re.compile(
    r"(?:[^%\\\n]|%%)*%(?:(?:[1-9]\d?)?(?:\.\d\d?)?[efg]|([vs]))(?:[^%\\\n]|%%)*"
)
"""What `printf` may write: texts around one value."""

_OF_NUMBERS: Final = ("humanize", "humanize1024", "humanizeDuration", "humanizePercentage")
_OF_TEXTS: Final = ("toUpper", "toLower")
"""Functions that take a string, such as a label or the result of another function."""


Value = float | str


class _Substitution(NamedTuple):
    """The meaning of a placeholder: the value or a label, and the functions applied to it."""

    label: str
    functions: tuple[Callable[[Value], Value], ...]


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
            texts.append(result if isinstance(result, str) else text_of(result))
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
        substitution = _parse_action(match.group())
        if substitution is None:
            mistake = (
                mistake
                or _odd_character(match.group())
                or (
                    f"{match.group()!r:.60} is not understood: use {{{{ $value }}}} or "
                    "{{ $labels.name }}, with | and one of "
                    f"{', '.join((*_OF_NUMBERS, *_OF_TEXTS))}, printf"
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
    """Return what double braces ask for; None is for what is not possible here."""
    takes_space_away = action.startswith("{{-") or action.endswith("-}}")
    if takes_space_away or _odd_character(action):
        return None
    try:
        nodes = parse_template(action).nodes
    except TemplateError:
        return None
    match nodes:
        case (tree.Action(tree.Pipeline(commands, ())),):
            return _substitution(commands)
    return None


def _substitution(commands: Sequence[Sequence[tree.Operand]]) -> _Substitution | None:
    """Return a pipeline that is the value or a label, with functions that fit it."""
    (*before, source), *others = commands
    label, is_number = "", False
    match source:
        case tree.Variable("$value", ()) | tree.Dot(("Value",)):
            is_number = True
        case tree.Variable("$labels", (str(label),)) | tree.Dot(("Labels", str(label))):
            pass
        case _:
            return None
    functions = []
    for command in (before, *others) if before else others:
        function = _function(command, is_number=is_number)
        if function is None:
            return None
        functions.append(function)
        is_number = False
    return _Substitution(label, tuple(functions))


def _function(
    command: Sequence[tree.Operand], *, is_number: bool
) -> Callable[[Value], Value] | None:
    """Return a function that takes a number, or a text."""
    match command:
        case [tree.Function("printf"), tree.Constant(str(pattern))]:
            verbs = _FORMAT.fullmatch(pattern)
            # %s of a number is an error for Prometheus.
            if verbs is not None and verbs[1] in ((None, "v") if is_number else ("v", "s")):
                return lambda argument: sprintf(pattern, (argument,))
        case [tree.Function(name)] if name in (_OF_NUMBERS if is_number else _OF_TEXTS):
            return FUNCTIONS[name]
    return None
