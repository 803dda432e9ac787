"""The nodes of a document: values, lists and mappings that know their place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

MAX_DEPTH: Final = 20
"""The maximum nesting depth of mappings and lists; rules need seven levels."""

Content = str | float | bool | None


class Place(NamedTuple):
    """The place of a value: a text for messages, and the numbers by which messages are sorted."""

    text: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Scalar:
    """A single value.

    Attributes:
        place: its place.
        content: the text exactly as written in a file, a value from Python, or None if there is no
            value.
        quoted: whether it is in quotes, and so can only be a text.
    """

    place: Place
    content: Content
    quoted: bool = False


@dataclass(frozen=True)
class Items:
    """A list."""

    place: Place
    items: tuple[Node, ...]


class Entry(NamedTuple):
    """A field of a mapping: the place of its name, and its value."""

    key: Place
    value: Node


@dataclass(frozen=True)
class Entries:
    """A mapping."""

    place: Place
    fields: Mapping[str, Entry]


Node = Scalar | Items | Entries


def is_nothing(node: Node) -> bool:
    """Return whether a field has no value."""
    return isinstance(node, Scalar) and node.content is None
