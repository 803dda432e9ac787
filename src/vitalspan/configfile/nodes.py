"""The nodes of a document: values, lists and mappings that know where they stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

MAX_DEPTH: Final = 20
"""How deep mappings and lists may be nested; rules need seven levels."""

Content = str | float | bool | None


class Place(NamedTuple):
    """The place of a value: a text for messages, and the numbers that messages are ordered by."""

    text: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Scalar:
    """A single value.

    Attributes:
        place: where it stands.
        content: the text of a file exactly as it was written, a value from Python, or None for
            nothing at all.
        quoted: whether it stands in quotes, and so can be nothing but a text.
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
    """A field of a mapping: where its name stands, and its value."""

    key: Place
    value: Node


@dataclass(frozen=True)
class Entries:
    """A mapping."""

    place: Place
    fields: Mapping[str, Entry]


Node = Scalar | Items | Entries


def is_nothing(node: Node) -> bool:
    """Return whether a field is there without a value."""
    return isinstance(node, Scalar) and node.content is None
