"""Reads the fields of a YAML mapping, and tells all that is wrong with them at once."""

from __future__ import annotations

import difflib
import os
from typing import TYPE_CHECKING, NamedTuple

from vitalspan.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path


class Stamp(NamedTuple):
    """What changes when a file is replaced or written to; all None while it does not exist."""

    modified: int | None = None
    size: int | None = None
    inode: int | None = None

    @classmethod
    def of(cls, path: Path) -> Stamp:
        """The stamp of a file as it is now."""
        try:
            status = path.stat()
        except (OSError, ValueError):
            return cls()
        return cls(status.st_mtime_ns, status.st_size, status.st_ino)


class Report:
    """The problems found in a file, and the files that it is made of.

    Args:
        file: the file that is read.
        stamps: filled with each file that matters and its stamp from before it was read.
    """

    def __init__(self, file: Path, stamps: dict[Path, Stamp]) -> None:
        self.file = file
        self._stamps = stamps
        self._problems: list[str] = []
        self.uses(file)

    def add(self, field: str, problem: str) -> None:
        """Note what is wrong with a field and what to do about it."""
        self._problems.append(f"{field}: {problem}" if field else problem)

    def uses(self, path: Path) -> None:
        """Note that a file is about to be read."""
        self._stamps[path] = Stamp.of(path)

    def check(self) -> None:
        """Raise what was found.

        Raises:
            ConfigurationError: if there is any problem; the message names all of them.
        """
        if len(self._problems) == 1:
            raise ConfigurationError(f"{self.file}: {self._problems[0]}")
        if self._problems:
            lines = "".join(f"\n  {problem}" for problem in self._problems)
            raise ConfigurationError(f"{self.file}: {len(self._problems)} problems{lines}")


class Section:
    """A mapping in the file. Empty strings and nulls count as absent, as the toolkit has it.

    Args:
        value: what stands in the file.
        path: the dotted path of fields that leads here; empty at the top.
        known: the fields that there are; None where any name will do.
        report: where problems go.
    """

    def __init__(
        self, value: object, path: str, known: Collection[str] | None, report: Report
    ) -> None:
        self.report = report
        self._path = path
        self._fields: Mapping[object, object] = {}
        if isinstance(value, dict):
            self._fields = value
        elif value is not None:
            self.report.add(path, f"is {_kind(value)}, not a mapping of fields to values")
        for name in self._fields:
            if not isinstance(name, str):
                self.wrong(str(name), f"the name is {_kind(name)}: put it in quotes")
            elif known is not None and name not in known:
                self._unknown(name, known)

    def __iter__(self) -> Iterator[str]:
        """The names of the fields that stand there."""
        return (name for name in self._fields if isinstance(name, str))

    def __bool__(self) -> bool:
        """Whether any field has a value."""
        return any(self.raw(name) is not None for name in self)

    def wrong(self, name: str, problem: str) -> None:
        """Report a field."""
        self.report.add(f"{self._path}.{name}" if self._path else name, problem)

    def raw(self, name: str) -> object:
        """What stands in the file; None for nothing."""
        value = self._fields.get(name)
        return None if value == "" else value

    def section(self, name: str, known: Collection[str] | None) -> Section:
        """The mapping under a field; an empty one without it."""
        path = f"{self._path}.{name}" if self._path else name
        return Section(self.raw(name), path, known, self.report)

    def text(self, name: str) -> str | None:
        """A string."""
        value = self.raw(name)
        if value is None or isinstance(value, str):
            return value
        self.wrong(name, f"is {_kind(value)}, not a string: put it in quotes")
        return None

    def choice(self, name: str, allowed: Collection[str], default: str) -> str:
        """One of some words."""
        value = self.text(name) or default
        if value in allowed:
            return value
        self.wrong(name, f"{value!r} is not one of {', '.join(allowed)}")
        return default

    def flag(self, name: str, *, default: bool) -> bool:
        """A boolean."""
        value = self.raw(name)
        if isinstance(value, bool):
            return value
        if value is not None:
            self.wrong(name, f"is {_kind(value)}, not true or false")
        return default

    def texts(self, name: str) -> list[str]:
        """A list of strings."""
        value = self.raw(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
            self.wrong(name, "is not a list of strings")
            return []
        return value

    def file(self, name: str) -> Path | None:
        """A file that can be read; a relative path starts at the directory of the file here."""
        value = self.text(name)
        if value is None:
            return None
        path = self.report.file.parent / value
        self.report.uses(path)
        try:
            with path.open("rb"):
                return path
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            self.wrong(name, f"cannot read {path}: {reason}")
        except ValueError as error:
            self.wrong(name, f"{value!r} is not a path: {error}")
        return None

    def _unknown(self, name: str, known: Collection[str]) -> None:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(sorted(known))}"
        self.wrong(name, f"unknown field; {hint}")


def _kind(value: object) -> str:
    """What a YAML value is, without showing it: it may be a secret."""
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string"}
    names |= {list: "a list", dict: "a mapping"}
    return names.get(type(value), f"a {type(value).__name__}")
