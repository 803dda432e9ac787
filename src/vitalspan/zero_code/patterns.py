"""Patterns of functions, such as `shop.checkout:*`, that become operations."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from vitalspan.errors import ConfigurationError


class Pattern(NamedTuple):
    """A pattern of functions.

    `*` stands for any text. Names that begin with an underscore are only matched by a pattern that
    has the underscore too, and names with two of them by none.

    Attributes:
        module: of the functions.
        name: their qualified name, such as `Query.run`.
    """

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}:{self.name}"

    def matches_module(self, module: str) -> bool:
        """Return whether functions of a module may match."""
        return fnmatchcase(module, self.module)

    def matches(self, module: str, name: str) -> bool:
        """Return whether a function matches."""
        return (
            self.matches_module(module)
            and fnmatchcase(name, self.name)
            and "__" not in name
            and _underscores(name) <= _underscores(self.name)
        )


def parse_patterns(text: str, where: str = "VITALSPAN_OPERATIONS") -> tuple[Pattern, ...]:
    """Return the patterns of a text, which commas or spaces stand between.

    Args:
        text: such as `shop.checkout:*, shop.db:Query.run`.
        where: the text is from, for messages.

    Raises:
        ConfigurationError: for what is no pattern.
    """
    patterns = []
    for word in text.replace(",", " ").split():
        module, colon, name = word.partition(":")
        if not (colon and module and name) or ":" in name:
            raise ConfigurationError(
                f"{where}: {word!r:.80} is not a pattern: use module:function, module:Class.method "
                "or module:*"
            )
        patterns.append(Pattern(module, name))
    return tuple(patterns)


def match(patterns: Sequence[Pattern], module: str, name: str) -> bool:
    """Return whether a function matches one of several patterns."""
    return any(pattern.matches(module, name) for pattern in patterns)


def _underscores(name: str) -> int:
    """Return how many parts of a qualified name are private."""
    return sum(part.startswith("_") for part in name.split("."))
