"""Sections of the web configuration file: fields as Prometheus' exporter-toolkit reads them."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from vitalspan.configfile.fields import Fields
from vitalspan.configfile.nodes import Node, Scalar
from vitalspan.configfile.report import Report
from vitalspan.configfile.stamp import FileStamps


class Section(Fields):
    """A mapping of the file. An empty value counts as absent, as in the toolkit.

    Args:
        node: the YAML node of the mapping.
        known: the known fields; None if any name is allowed.
        report: collects the mistakes.
        folder: the directory that relative paths start from.
        stamps: collects the files that the section names.
    """

    def __init__(
        self,
        node: Node,
        known: Collection[str] | None,
        report: Report,
        folder: Path,
        stamps: FileStamps,
    ) -> None:
        usable = f"fields such as {next(iter(known))}" if known else "users with their hashes"
        super().__init__(node, known, report, usable=usable)
        self._folder = folder
        self._stamps = stamps

    def __bool__(self) -> bool:
        """Return whether any field has a value."""
        return any(self.get(name) is not None for name, _, _ in self)

    def get(self, name: str) -> Node | None:
        """Return the value of a field; None if it is absent."""
        node = super().get(name)
        is_empty = isinstance(node, Scalar) and node.content in (None, "")
        return None if is_empty else node

    def refuse(self, name: str, problem: str) -> None:
        """Report a mistake in a field; the message begins with its name."""
        self.wrong(f"{name} {problem}", name)

    def section(self, name: str, names: Collection[str] | None) -> Section:
        """Return the mapping in a field; an empty one if the field is absent."""
        node = self.get(name) or Scalar(self.place, None)
        return Section(node, names, self.report, self._folder, self._stamps)

    def file(self, name: str) -> Path | None:
        """Return the path of a readable file; relative paths start at `folder`."""
        value = self.text(name, "the path of a file")
        if value is None:
            return None
        path = self._folder / value
        self._stamps.add(path)
        try:
            with path.open("rb"):
                return path
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            self.refuse(name, f"{path} cannot be read: {reason}: use a file that is there")
        except ValueError as error:
            self.refuse(name, f"{value!r} is not a path: {error}: use the path of a file")
        return None
