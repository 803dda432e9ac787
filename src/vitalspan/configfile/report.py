"""The report of all mistakes in a file, which are raised together, each with its place."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from vitalspan.configfile.nodes import Entries, Items, Node, Place, Scalar
from vitalspan.errors import ConfigurationError
from vitalspan.words import shown

_MAX_IN_MESSAGE: Final = 100
_LINE_BREAK: Final = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""The line breaks of YAML."""


class ConfigFileError(ConfigurationError):
    """The mistakes in a file, or in the same fields given in Python.

    Attributes:
        mistakes: where each is, what is wrong, and what would be right; in the order of the file.
            The message has the first hundred of them.
    """

    def __init__(self, name: str, mistakes: Iterable[str]) -> None:
        self.mistakes = tuple(mistakes)
        if len(self.mistakes) == 1:
            super().__init__(self.mistakes[0])
        else:
            more = len(self.mistakes) - _MAX_IN_MESSAGE
            lines = [*self.mistakes[:_MAX_IN_MESSAGE], *([f"and {more} more"] if more > 0 else [])]
            text = "".join(f"\n  {line}" for line in lines)
            super().__init__(f"{name}: {len(self.mistakes)} mistakes{text}")


class Report:
    """A collection of the mistakes in a file.

    Args:
        name: the name of the file, or of whatever is read.
        secret: whether its texts may be passwords or keys, which messages must not show.
    """

    def __init__(self, name: str, *, secret: bool = False) -> None:
        self.name = name
        self.secret = secret
        self._mistakes: dict[tuple[Place, str], None] = {}
        self._notes: dict[tuple[Place, str], None] = {}
        self._unusable: set[Place] = set()
        self._files: dict[str, int] = {name: 0}

    def include(self, report: Report) -> None:
        """Add the mistakes in one of several files that are read as one."""
        self._mistakes |= report._mistakes
        self._notes |= report._notes
        self._unusable |= report._unusable
        self._files.setdefault(report.name, len(self._files))

    def wrong(self, place: Place, problem: str) -> bool:
        """Note a mistake; one that an alias repeats is noted only once.

        Args:
            place: where it is.
            problem: what a check says about it; if it is empty, there is no mistake.

        Returns:
            Whether there is a mistake.
        """
        if problem and place not in self._unusable:
            self._mistakes[place, problem] = None
        return bool(problem)

    def note(self, place: Place, text: str) -> None:
        """Note something that is not a mistake, but may not do what the file's author wants.

        If the text is empty, there is nothing to note.
        """
        if text:
            self._notes[place, text] = None

    @property
    def notes(self) -> list[str]:
        """All notes with their places, in the order of the file."""
        return self._in_order(self._notes)

    def unusable(self, place: Place, problem: str) -> None:
        """Note a mistake that makes a value unusable; further mistakes in it are not noted."""
        self.wrong(place, problem)
        self._unusable.add(place)

    def at(self, line: int, column: int) -> Place:
        """Return a place in the file, both numbers from 1."""
        return Place(f"{self.name}:{line}:{column}", line, column)

    def after(self, text: str) -> Place:
        """Return the place after a text at the beginning of the file."""
        lines = _LINE_BREAK.split(text)
        return self.at(len(lines), len(lines[-1]) + 1)

    def shown(self, node: Node) -> str:
        """Return a node as it is shown in messages."""
        if isinstance(node, Items):
            return "a list"
        if isinstance(node, Entries):
            return "a mapping"
        return "this value" if self.secret and node.content is not None else shown(node.content)

    def encodable(self, text: str, place: Place) -> str:
        """Return a text without lone surrogates, which UTF-8 cannot encode; report them."""
        if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
            named = self.shown(Scalar(place, text))
            self.unusable(place, f"{named} is not a Unicode text: leave the surrogate out")
            return text.encode("utf-8", "replace").decode("utf-8")
        return text

    def check(self) -> None:
        """Raise all mistakes, if there are any.

        Raises:
            ConfigFileError: with every mistake, in the order of the file.
        """
        if self._mistakes:
            raise ConfigFileError(self.name, self._in_order(self._mistakes))

    def _in_order(self, texts: Iterable[tuple[Place, str]]) -> list[str]:
        in_order = sorted(texts, key=lambda text: self._position(text[0]))
        return [f"{place}: {text}" for place, text in in_order]

    def _position(self, place: Place) -> tuple[int, int, int]:
        file = place.text.rsplit(":", 2)[0] if place.line else place.text
        return self._files.get(file, 0), place.line, place.column
