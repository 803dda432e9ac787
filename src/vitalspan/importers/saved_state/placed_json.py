"""JSON objects that know the line at which they begin."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterator
from json import decoder, scanner
from typing import Any, Final

_MAX_DIGITS: Final = 300
"""The maximum length of an integer, which still fits into a float."""


class Mistake(Exception):  # noqa: N818 - what it is
    """Something in a file that cannot be used.

    Args:
        line: the line of the file, from 1.
        text: what is wrong.
    """

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line
        self.text = text


class PlacedObject(dict[str, Any]):
    """A JSON object.

    Attributes:
        line: the line of the file at which it begins, from 1.
    """

    line = 1


class _Decoder(json.JSONDecoder):
    """A decoder whose objects know their line."""

    def __init__(self, text: str, first_line: int) -> None:
        super().__init__(parse_int=_integer)
        self._ends = [index for index, character in enumerate(text) if character == "\n"]
        self._first_line = first_line
        self.parse_object = self._object
        # The scanner written in C does not call it.
        self.scan_once = scanner.py_make_scanner(self)  # type: ignore[attr-defined]

    def _object(self, s_and_end: tuple[str, int], *arguments: Any) -> tuple[PlacedObject, int]:
        parsed, after = decoder.JSONObject(s_and_end, *arguments)  # type: ignore[attr-defined]
        placed = PlacedObject(parsed)
        placed.line = self._first_line + bisect_right(self._ends, s_and_end[1] - 1)
        return placed, after


def _integer(text: str) -> float:
    """Return an integer; as a float if it is too large for any use, which may then be infinity."""
    return int(text) if len(text) <= _MAX_DIGITS else float(text)


def documents(text: str) -> Iterator[Any]:
    """Yield the documents of a file: one document, or one on each line.

    Raises:
        Mistake: for a text that is not JSON, with its line.
    """
    try:
        yield _Decoder(text, 1).decode(text)
    except json.JSONDecodeError as mistake:
        if "Extra data" not in mistake.msg or "\n" not in text.strip():
            raise Mistake(mistake.lineno, f"this is not JSON: {mistake.msg}") from None
    except RecursionError:
        raise Mistake(1, "this is nested too deeply") from None
    else:
        return
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                yield _Decoder(line, number).decode(line)
            except json.JSONDecodeError as mistake:
                raise Mistake(number, f"this is not JSON: {mistake.msg}") from None


def objects(document: Any) -> Iterator[PlacedObject]:
    """Yield every object in a document, outer objects first."""
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, PlacedObject):
            yield value
            waiting += reversed(list(value.values()))
        elif isinstance(value, list):
            waiting += reversed(value)
