"""The parts of a document, which each format writes in its own way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Tone = Literal["", "good", "warning", "bad", "quiet"]
"""The meaning of a value, which formats with colours show."""

Values = Sequence[float | None]


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: the text; it may have any characters.
        tone: the meaning of the value.
        share: a share of the whole that is shown as a bar, 0 to 1.
        values: values over time that are shown as a small line.
    """

    text: str
    tone: Tone = ""
    share: float | None = None
    values: Values = ()


Row = Sequence[Cell | str]
"""The cells of a row; a string is a cell with only a text."""


@dataclass(frozen=True)
class Column:
    """A column of a table; numbers are right-aligned."""

    title: str
    is_figure: bool = False


@dataclass(frozen=True)
class Table:
    """A table, which is left out if it has no rows."""

    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Cell]]
    note: str = ""


@dataclass(frozen=True)
class Fact:
    """A single figure."""

    label: str
    value: str
    note: str = ""
    tone: Tone = ""


@dataclass(frozen=True)
class Facts:
    """Figures next to each other."""

    facts: Sequence[Fact]


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    items: Sequence[tuple[str, Tone]]


@dataclass(frozen=True)
class Line:
    """A line of a chart."""

    name: str
    values: Values


@dataclass(frozen=True)
class Band:
    """A period that a chart marks.

    Attributes:
        start: the start in seconds since the Unix epoch.
        end: the end in seconds since the Unix epoch.
        label: a description of what happened.
        tone: the meaning of that.
    """

    start: float
    end: float
    label: str
    tone: Tone = "bad"


@dataclass(frozen=True)
class Chart:
    """A chart of lines over time.

    Attributes:
        title: the title.
        edges: the boundaries of the values, in seconds since the Unix epoch.
        lines: the lines, each with one value fewer than there are edges.
        text: returns a value as text.
        lowest: the start of the axis; None starts near the values.
        highest: a value that the axis includes at least.
        bands: the periods to mark.
        is_binary: whether round values are powers of 1024, as for sizes.
    """

    title: str
    edges: tuple[float, ...]
    lines: tuple[Line, ...]
    text: Callable[[float], str]
    lowest: float | None = 0.0
    highest: float | None = None
    bands: Sequence[Band] = ()
    is_binary: bool = False


@dataclass(frozen=True)
class Charts:
    """Charts next to each other, with the same time axis."""

    charts: Sequence[Chart]


Block = Table | Facts | Bullets | Charts


@dataclass(frozen=True)
class Section:
    """A part of a document with a heading."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Document:
    """A document.

    Attributes:
        title: the title.
        subtitle: the subject and the period.
        sections: the sections, without empty ones.
        notes: notes for the reader.
        footer: how it was created.
    """

    title: str
    subtitle: str
    sections: Sequence[Section]
    notes: Sequence[str] = ()
    footer: str = ""


def table(titles: Iterable[str], rows: Iterable[Row], note: str = "") -> Table:
    """Return a table.

    Args:
        titles: the titles of its columns; those of numbers begin with `>`.
        rows: the cells of the rows.
        note: a note on the table.
    """
    columns = tuple(Column(title.lstrip(">"), title.startswith(">")) for title in titles)
    cells = [[Cell(one) if isinstance(one, str) else one for one in row] for row in rows]
    return Table(columns, cells, note)


def section(title: str, *blocks: Block | None) -> Section | None:
    """Return a section, or None if it is empty."""
    kept = [block for block in blocks if block is not None and not _is_empty(block)]
    return Section(title, kept) if kept else None


def _is_empty(block: Block) -> bool:
    match block:
        case Table(rows=content) | Facts(facts=content) | Bullets(items=content):
            return not content
        case Charts(charts=content):
            return not content
