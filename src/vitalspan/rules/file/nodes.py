"""What rules are written as: values that know where they stand, from a file or from Python."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from numbers import Integral, Real
from typing import Final, NamedTuple

from vitalspan.rules.file.mistakes import Place, Report

MAX_DEPTH: Final = 20
"""How deep Python mappings and sequences may be nested; rules need seven levels."""

_SHOWN: Final = 60
"""Characters of a value that a message shows."""

Content = str | float | bool | None


@dataclass(frozen=True)
class Scalar:
    """A single value. One of a file is a text, exactly as it was written, or None for nothing."""

    place: Place
    content: Content


@dataclass(frozen=True)
class Items:
    """A list."""

    place: Place
    items: tuple[Node, ...]


class Entry(NamedTuple):
    """A field of a mapping."""

    key: Place
    value: Node


@dataclass(frozen=True)
class Entries:
    """A mapping."""

    place: Place
    fields: Mapping[str, Entry]


Node = Scalar | Items | Entries


def shown(node: Node) -> str:
    """Return a value as messages name it."""
    if isinstance(node, Items):
        return "a list"
    return "a mapping" if isinstance(node, Entries) else shown_text(node.content)


def shown_text(content: object) -> str:
    """Return a single value as messages name it."""
    text = repr(content)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def is_nothing(node: Node) -> bool:
    """Whether a field stands there without a value."""
    return isinstance(node, Scalar) and node.content is None


def encodable(text: str, place: Place, report: Report) -> str:
    """Return a text without what cannot be written in UTF-8, which is reported."""
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        report.unusable(place, f"{shown_text(text)} is no Unicode text: leave the surrogate out")
        return text.encode("utf-8", "replace").decode("utf-8")
    return text


def from_python(value: object, root: str, report: Report) -> Node:
    """Return the same as nodes, each of which is found by a path such as `groups[0].rules`.

    Args:
        value: mappings, sequences, texts, numbers and booleans.
        root: what the outermost value is called.
        report: where values go that rules cannot be made of.
    """
    return _Converter(report).node(value, root, "", 0)


class _Converter:
    def __init__(self, report: Report) -> None:
        self._report = report
        self._numbers = count(1)

    def node(self, value: object, name: str, path: str, depth: int) -> Node:
        place = Place(path or name, next(self._numbers))
        if depth > MAX_DEPTH:
            self._report.unusable(place, f"is nested too deeply: use at most {MAX_DEPTH} levels")
        elif isinstance(value, Mapping):
            return Entries(place, self._fields(value, place, path, depth + 1))
        elif isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray)):
            items = enumerate(value)
            return Items(
                place,
                tuple(self.node(x, name, f"{path or name}[{i}]", depth + 1) for i, x in items),
            )
        else:
            return Scalar(place, self._content(value, place))
        return Scalar(place, None)

    def _fields(
        self, value: Mapping[object, object], place: Place, path: str, depth: int
    ) -> dict[str, Entry]:
        fields = {}
        for key, inner in value.items():
            if not isinstance(key, str):
                self._report.wrong(place, f"{shown_text(key)} is not a name: use a text")
                continue
            name = encodable(str(key), place, self._report)
            node = self.node(inner, name, f"{path}.{name}" if path else name, depth)
            fields[name] = Entry(node.place, node)
        return fields

    def _content(self, value: object, place: Place) -> Content:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return encodable(str(value), place, self._report)
        if isinstance(value, (Real, Decimal)):
            return _number(value)
        problem = f"a value of type {type(value).__name__} cannot be here: use a text or a number"
        self._report.unusable(place, problem)
        return None


def _number(value: Real | Decimal) -> float:
    try:
        number = float(value)
    except OverflowError:
        return math.inf
    except ValueError:
        # A decimal that signals what it is not.
        return math.nan
    return int(value) if isinstance(value, Integral) else number
