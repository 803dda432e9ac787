"""Formats documents as text, for terminals and logs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from vitalspan.reports.document import (
    Block,
    Bullets,
    Cell,
    Chart,
    Charts,
    Document,
    Facts,
    Table,
    Values,
)
from vitalspan.words import one_line

_LEVELS: Final = " ▁▂▃▄▅▆▇█"
_WIDEST: Final = 120
"""The maximum number of characters of a cell."""

_SPARKS: Final = 48
"""The maximum number of characters in a line of levels."""


def as_text(document: Document) -> str:
    """Return a document as text with lines of any length; control characters are escaped."""
    return "\n".join(_lines(document)) + "\n"


def levels(values: Values, most: int = _SPARKS, lowest: float | None = 0.0) -> str:
    """Return values as blocks of eight heights: `▁▂▅█`; a gap is a space.

    Args:
        values: the values; if there are more than blocks, each block shows the maximum of several.
        most: the maximum number of blocks.
        lowest: the value of the lowest block; None is the minimum.
    """
    size = -(-len(values) // most) or 1
    groups = [values[index : index + size] for index in range(0, len(values), size)]
    peaks = [max((one for one in group if one is not None), default=None) for group in groups]
    known = [one for one in peaks if one is not None]
    low = min(known, default=0.0) if lowest is None else lowest
    high = max(known, default=0.0)
    return "".join(" " if one is None else _level(one, low, high) for one in peaks)


def _level(value: float, low: float, high: float) -> str:
    share = (value - low) / (high - low) if high > low else 0.0
    return _LEVELS[1 + round(7 * min(1.0, max(0.0, share)))]


def _lines(document: Document) -> Iterator[str]:
    title = one_line(document.title)
    yield title
    yield "=" * len(title)
    yield one_line(document.subtitle)
    for note in document.notes:
        yield one_line(note)
    for part in document.sections:
        yield ""
        yield one_line(part.title)
        yield "-" * len(one_line(part.title))
        for number, block in enumerate(part.blocks):
            if number:
                yield ""
            yield from _block(block)
    if document.footer:
        yield ""
        yield one_line(document.footer)


def _block(block: Block) -> Iterator[str]:
    match block:
        case Facts():
            labels = [one_line(fact.label) for fact in block.facts]
            width = max(map(len, labels))
            for label, fact in zip(labels, block.facts, strict=True):
                note = f"  ({one_line(fact.note)})" if fact.note else ""
                yield f"{label:{width}}  {one_line(fact.value)}{note}"
        case Bullets():
            yield from (f"- {one_line(text)}" for text, _ in block.items)
        case Table():
            yield from _table(block)
        case Charts():
            names = (_name(chart, at) for chart in block.charts for at in range(len(chart.lines)))
            width = max(map(len, names))
            for chart in block.charts:
                yield from _chart(chart, width)


def _name(chart: Chart, index: int) -> str:
    name = chart.lines[index].name
    return one_line(chart.title if len(chart.lines) == 1 else f"{chart.title}, {name}")


def _chart(chart: Chart, width: int) -> Iterator[str]:
    for index, line in enumerate(chart.lines):
        known = [value for value in line.values if value is not None]
        if known:
            low, high = chart.text(min(known)), chart.text(max(known))
            drawn = levels(line.values, lowest=chart.lowest)
            yield f"{_name(chart, index):{width}}  {drawn}  {low} to {high}"


def _table(table: Table) -> Iterator[str]:
    rows = [[_cell(cell) for cell in row] for row in table.rows]
    titles = [one_line(column.title) for column in table.columns]
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    for row in (titles, *rows):
        cells = (
            text.rjust(width) if column.is_figure else text.ljust(width)
            for text, width, column in zip(row, widths, table.columns, strict=True)
        )
        yield "  ".join(cells).rstrip()
    if table.note:
        yield one_line(table.note)


def _cell(cell: Cell) -> str:
    if cell.values:
        return levels(cell.values, 16)
    text = one_line(cell.text)
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"
