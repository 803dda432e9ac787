"""Formats documents as Markdown, for GitHub and most other readers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from vitalspan.reports.document import (
    Block,
    Bullets,
    Chart,
    Charts,
    Document,
    Facts,
    Table,
    table,
)
from vitalspan.reports.text_format import levels
from vitalspan.words import one_line

_SPECIAL: Final = re.compile(r"([\\`*_\[\]<>|~&$])")
"""Characters with a meaning anywhere in Markdown or HTML. After a backslash they have none
(CommonMark 0.31, 2.4)."""

_AT_THE_BEGINNING: Final = re.compile(r"^(?:([#+\-=])|(\d+)([.)])(?=\s|$))")
"""The start of a heading or a list item."""


def as_markdown(document: Document) -> str:
    """Return a document as Markdown; names from users are shown literally."""
    return "\n".join(_lines(document)) + "\n"


def escaped(text: str) -> str:
    """Return a text that Markdown shows literally, in one line."""
    inside = _SPECIAL.sub(r"\\\1", one_line(text).strip())
    return _AT_THE_BEGINNING.sub(_harmless, inside)


def _harmless(match: re.Match[str]) -> str:
    mark, number, dot = match.groups()
    return f"\\{mark}" if mark else f"{number}\\{dot}"


def _lines(document: Document) -> Iterator[str]:
    yield f"# {escaped(document.title)}"
    yield ""
    yield escaped(document.subtitle)
    for note in document.notes:
        yield ""
        yield f"> {escaped(note)}"
    for part in document.sections:
        yield ""
        yield f"## {escaped(part.title)}"
        for block in part.blocks:
            yield ""
            yield from _block(block)
    if document.footer:
        yield ""
        yield escaped(document.footer)


def _block(block: Block) -> Iterator[str]:
    match block:
        case Facts():
            rows = [(fact.label, fact.value, fact.note) for fact in block.facts]
            yield from _table(table(("", ">", ""), rows))
        case Bullets():
            yield from (f"- {escaped(text)}" for text, _ in block.items)
        case Table():
            yield from _table(block)
            if block.note:
                yield ""
                yield escaped(block.note)
        case Charts():
            lines = [line for chart in block.charts for line in _chart(chart)]
            yield from _table(table(("", "", ">least", ">most"), lines))


def _chart(chart: Chart) -> Iterator[list[str]]:
    for line in chart.lines:
        known = [value for value in line.values if value is not None]
        if known:
            is_only = len(chart.lines) == 1
            yield [
                chart.title if is_only else f"{chart.title}, {line.name}",
                levels(line.values, lowest=chart.lowest),
                chart.text(min(known)),
                chart.text(max(known)),
            ]


def _table(block: Table) -> Iterator[str]:
    yield _row(escaped(column.title) for column in block.columns)
    yield _row("--:" if column.is_figure else ":--" for column in block.columns)
    for row in block.rows:
        yield _row(levels(cell.values, 16) if cell.values else escaped(cell.text) for cell in row)


def _row(cells: Iterator[str]) -> str:
    return f"| {' | '.join(cells)} |"
