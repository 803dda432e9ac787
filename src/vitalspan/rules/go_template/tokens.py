"""Splits templates into texts, actions between braces, and tokens of actions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from vitalspan.rules.go_template.nodes import TemplateError

_TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<string>"(?:\\.|[^"\\\n])*"|`[^`]*`)
    | (?P<char>'(?:\\.|[^'\\])')
    | (?P<number>[-+]?(?:0[xX][0-9a-fA-F]+|\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?))
    | (?P<variable>\$\w*)
    | (?P<field>\.[A-Za-z_]\w*)
    | (?P<word>[A-Za-z_]\w*)
    | (?P<mark>:=|[=|(),.])
    )""",
    re.VERBOSE | re.ASCII,
)
_COMMENT: Final = re.compile(r"/\*.*?\*/", re.DOTALL)
_QUOTED: Final = re.compile(r'"(?:\\.|[^"\\\n])*"|`[^`]*`|\'(?:\\.|[^\'\\])\'', re.DOTALL)
_ESCAPE: Final = re.compile(
    r"\\(?:([abfnrtv\\'\"])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3}))"
)
_PLAIN_ESCAPES: Final = dict(zip("abfnrtv", "\a\b\f\n\r\t\v", strict=True))


class Token(NamedTuple):
    """A token of an action.

    Attributes:
        kind: string, char, number, variable, field, word or mark.
        text: the text as it is written.
        spaced: whether there is space before it.
    """

    kind: str
    text: str
    spaced: bool


def pieces(template: str) -> Iterator[str | list[Token]]:
    """Yield the texts of a template, and the tokens of its actions.

    Raises:
        TemplateError: for an action that is not closed or has invalid content.
    """
    position = 0
    trim = False
    while True:
        start = template.find("{{", position)
        text = template[position:] if start < 0 else template[position:start]
        if trim:
            text = text.lstrip(" \t\r\n")
        if start < 0:
            yield text
            return
        inside = start + 2
        if re.match(r"-[ \t\r\n]", template[inside:]):
            text = text.rstrip(" \t\r\n")
            inside += 2
        yield text
        action, position, trim = _action(template, inside)
        tokens = list(_tokens(action))
        if tokens:
            yield tokens


def _action(template: str, start: int) -> tuple[str, int, bool]:
    """Return an action, its end, and whether it trims the space after it."""
    comment = _COMMENT.match(template, start)
    position = comment.end() if comment else start
    while position < len(template):
        quoted = _QUOTED.match(template, position)
        if quoted is not None:
            position = quoted.end()
        elif template.startswith("}}", position):
            action = template[start:position]
            trim = re.search(r"[ \t\r\n]-$", action) is not None
            if comment is not None:
                return "", position + 2, trim
            return action[:-1] if trim else action, position + 2, trim
        else:
            position += 1
    raise TemplateError("{{ is not closed: end it with }}")


def _tokens(action: str) -> Iterator[Token]:
    position = 0
    end = len(action.rstrip())
    while position < end:
        match = _TOKEN.match(action, position)
        if match is None:
            raise TemplateError(f"{action[position:].strip()!r:.60} is not understood")
        kind = str(match.lastgroup)
        text = match.group(kind)
        yield Token(kind, text, match.start(kind) > position)
        position = match.end()


def unquoted(text: str) -> str:
    """Return the value of a string literal in Go's notation."""
    if text.startswith("`"):
        return text[1:-1]

    def character(match: re.Match[str]) -> str:
        plain, *codes, octal = match.groups()
        if plain is not None:
            return _PLAIN_ESCAPES.get(plain, plain)
        code = next((int(one, 16) for one in codes if one is not None), None)
        return chr(int(octal, 8) if code is None else code)

    inside = text[1:-1]
    bare = _ESCAPE.sub("", inside)
    if "\\" in bare:
        raise TemplateError(f"{text!r:.60} has an escape that Go does not know")
    return _ESCAPE.sub(character, inside)
