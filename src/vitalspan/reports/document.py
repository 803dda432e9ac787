"""The parts of a document, which every format writes in its own way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Tone = Literal["", "good", "warning", "bad", "quiet"]
"""What a value means, which formats with colours show."""

Values = Sequence[float | None]


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: what it says; it may have any characters.
        tone: what that means.
        share: a part of the whole that is shown as a bar, 0 to 1.
        values: figures over time that are shown as a small line.
    """

    text: str
    tone: Tone = ""
    share: float | None = None
    values: Values = ()


Row = Sequence[Cell | str]
"""The cells of a row; a text is a cell with no more to it."""


@dataclass(frozen=True)
class Column:
    """A column of a table; figures are aligned at their end."""

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
    """A figure that stands by itself."""

    label: str
    value: str
    note: str = ""
    tone: Tone = ""


@dataclass(frozen=True)
class Facts:
    """Figures beside each other."""

    facts: Sequence[Fact]


@dataclass(frozen=True)
class Bullets:
    """Sentences below each other."""

    items: Sequence[tuple[str, Tone]]


@dataclass(frozen=True)
class Line:
    """A line of a chart."""

    name: str
    values: Values


@dataclass(frozen=True)
class Band:
    """A stretch of time that a chart marks.

    Attributes:
        start: in seconds since the Unix epoch.
        end: the same.
        label: what was then.
        tone: what that means.
    """

    start: float
    end: float
    label: str
    tone: Tone = "bad"


@dataclass(frozen=True)
class Chart:
    """A chart of lines over time.

    Attributes:
        title: what it shows.
        edges: in seconds since the Unix epoch; values are between one and the next.
        lines: each with a value fewer than there are edges.
        text: returns a value as text.
        lowest: where the axis begins; None begins near the values.
        highest: the least value that the axis has room for.
        bands: stretches of time that are marked.
        is_binary: whether values are round in powers of 1024, as sizes are.
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
    """Charts beside each other, with the same time axis."""

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
        title: of the whole.
        subtitle: what and when it is about.
        sections: its parts, without empty ones.
        notes: what the reader has to know.
        footer: how it came to be.
    """

    title: str
    subtitle: str
    sections: Sequence[Section]
    notes: Sequence[str] = ()
    footer: str = ""


def table(titles: Iterable[str], rows: Iterable[Row], note: str = "") -> Table:
    """Return a table.

    Args:
        titles: of its columns, which are of figures where they begin with `>`.
        rows: their cells.
        note: what has to be said of it.
    """
    columns = tuple(Column(title.lstrip(">"), title.startswith(">")) for title in titles)
    cells = [[Cell(one) if isinstance(one, str) else one for one in row] for row in rows]
    return Table(columns, cells, note)


def section(title: str, *blocks: Block | None) -> Section | None:
    """Return a section, or None if nothing is in it."""
    kept = [block for block in blocks if block is not None and not _is_empty(block)]
    return Section(title, kept) if kept else None


def _is_empty(block: Block) -> bool:
    match block:
        case Table(rows=content) | Facts(facts=content) | Bullets(items=content):
            return not content
        case Charts(charts=content):
            return not content
