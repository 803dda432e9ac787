"""A report, as text, Markdown, JSON and HTML."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Final

from vitalspan.config import REPORT_FORMATS
from vitalspan.errors import ConfigurationError
from vitalspan.reports.atomic_file import write_atomically
from vitalspan.reports.document import Document
from vitalspan.reports.json_ready import json_ready

SCHEMA: Final = "vitalspan.report"
VERSION: Final = 1
"""The version of the JSON. It increases when a field is removed, renamed or changes its meaning,
but not when fields are added."""


class RenderedReport(ABC):
    """A report that can be read in every format, and saved to a file.

    Attributes:
        title: the title of the report.
        subtitle: the period of the report.
    """

    title: str
    subtitle: str

    @abstractmethod
    def rendered(self, format: str) -> str:  # noqa: A002 - the word
        """Return the report in a format: `html`, `md`, `json` or `txt`."""

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.title!r}, {self.subtitle}>"

    def text(self) -> str:
        """Return the report as text, for terminals and logs."""
        return self.rendered("txt")

    def markdown(self) -> str:
        """Return the report as Markdown, with tables in GitHub's syntax."""
        return self.rendered("md")

    def html(self) -> str:
        """Return the report as a single HTML file without scripts or external resources."""
        return self.rendered("html")

    def json(self) -> str:
        """Return the data of the report as JSON."""
        return self.rendered("json")

    def to_dict(self) -> dict[str, Any]:
        """Return the data of the report in types that JSON has."""
        document: dict[str, Any] = json.loads(self.json())
        return document

    def save(self, path: str | PathLike[str]) -> Path:
        """Write the report to a file, in the format of its extension: .html, .md, .json or .txt.

        The file is written completely or not at all.

        Returns:
            The path.

        Raises:
            ConfigurationError: for another extension.
            OSError: if the file cannot be written.
        """
        target = Path(path)
        write_atomically(target, self.rendered(format_of(target)))
        return target


class Report(RenderedReport):
    """A report with the data from when it was made.

    Args:
        document: the document for people.
        data: the data for programs.
    """

    def __init__(self, document: Document, data: Mapping[str, Any]) -> None:
        self.title = document.title
        self.subtitle = document.subtitle
        self._document = document
        self._data = data

    def to_dict(self) -> dict[str, Any]:
        """Return the data of the report in types that JSON has."""
        ready: dict[str, Any] = json_ready({"schema": SCHEMA, "version": VERSION, **self._data})
        return ready

    def rendered(self, format: str) -> str:  # noqa: A002 - the word
        """Return the report in a format: `html`, `md`, `json` or `txt`."""
        match format:
            case "html":
                from vitalspan.reports.html_format import as_html  # noqa: PLC0415 - one is needed

                return as_html(self._document)
            case "md":
                from vitalspan.reports.markdown_format import as_markdown  # noqa: PLC0415

                return as_markdown(self._document)
            case "txt":
                from vitalspan.reports.text_format import as_text  # noqa: PLC0415

                return as_text(self._document)
            case "json":
                data = self.to_dict()
                return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        raise KeyError(format)


def format_of(path: Path) -> str:
    """Return the format for the extension of a file name.

    Raises:
        ConfigurationError: for an unknown extension.
    """
    ending = path.suffix.removeprefix(".").lower()
    if ending not in REPORT_FORMATS:
        raise ConfigurationError(
            f"{path.name!r:.80}: the ending says the format: use .html, .md, .json or .txt"
        )
    return ending
