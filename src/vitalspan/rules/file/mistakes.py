"""What is wrong with rules, all of it at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple, NoReturn

from vitalspan.errors import ConfigurationError

_TOLD: Final = 100


class RuleFileError(ConfigurationError):
    """Rules that cannot be used.

    Attributes:
        mistakes: each says where, what is wrong, and what would be right; in the order of the file.
            The message has the first hundred of them.
    """

    def __init__(self, name: str, mistakes: Iterable[str]) -> None:
        self.mistakes = tuple(mistakes)
        if len(self.mistakes) == 1:
            super().__init__(self.mistakes[0])
        else:
            more = len(self.mistakes) - _TOLD
            told = [*self.mistakes[:_TOLD], *([f"and {more} more"] if more > 0 else [])]
            lines = "".join(f"\n  {mistake}" for mistake in told)
            super().__init__(f"{name}: {len(self.mistakes)} mistakes{lines}")


class Place(NamedTuple):
    """Where something stands: a text for people, and what puts places in order."""

    text: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return self.text


class Report:
    """Collects mistakes.

    Args:
        name: of the file, or of whatever is read.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._found: dict[tuple[Place, str], None] = {}
        self._unusable: set[Place] = set()

    def wrong(self, place: Place, problem: str) -> None:
        """Note a mistake; one that an alias repeats is noted once."""
        if place not in self._unusable:
            self._found[place, problem] = None

    def unusable(self, place: Place, problem: str) -> None:
        """Note what makes a value unusable: nothing more is said of it."""
        self.wrong(place, problem)
        self._unusable.add(place)

    def fail(self, place: Place, problem: str) -> NoReturn:
        """Raise a mistake after which there is nothing to read.

        Raises:
            RuleFileError: always.
        """
        raise RuleFileError(self.name, [f"{place}: {problem}"])

    def at(self, line: int, column: int) -> Place:
        """Return a place in a file, both numbers from 1."""
        return Place(f"{self.name}:{line}:{column}", line, column)

    def check(self) -> None:
        """Raise what was found.

        Raises:
            RuleFileError: if there is any mistake.
        """
        if self._found:
            in_order = sorted(self._found, key=lambda found: found[0][1:])
            raise RuleFileError(self.name, [f"{place}: {problem}" for place, problem in in_order])
