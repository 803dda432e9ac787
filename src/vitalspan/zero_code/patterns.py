"""Patterns of functions, such as `shop.checkout:*`, that become operations."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from vitalspan.errors import ConfigurationError


class Pattern(NamedTuple):
    """A pattern of functions.

    `*` matches any text. A name with a leading underscore is only matched by a pattern that has the
    underscore as well, and a name with two of them is never matched.

    Attributes:
        module: the module of the functions.
        name: the qualified name of the functions, such as `Query.run`.
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
    """Return the patterns in a text, separated by commas or spaces.

    Args:
        text: the text, such as `shop.checkout:*, shop.db:Query.run`.
        where: the source of the text, for messages.

    Raises:
        ConfigurationError: for an invalid pattern.
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
    """Return the number of private parts in a qualified name."""
    return sum(part.startswith("_") for part in name.split("."))
