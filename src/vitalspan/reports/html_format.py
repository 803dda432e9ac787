"""Formats documents as a single HTML file without scripts or external resources."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final

from vitalspan.reports.charts.axis import time_axis
from vitalspan.reports.charts.line_chart import axis_of, line_chart, sparkline
from vitalspan.reports.document import (
    Block,
    Bullets,
    Cell,
    Chart,
    Charts,
    Column,
    Document,
    Fact,
    Facts,
    Section,
    Table,
)
from vitalspan.reports.figures import time_text
from vitalspan.reports.style import STYLE
from vitalspan.words import one_line

POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""What a browser may load and run: only the style in the file."""

_SHORT: Final = 24
"""The maximum length of texts that are not wrapped, such as dates."""

_MARGIN: Final = 0.07
"""The share of the width near the edges where a time label would stick out."""


def as_html(document: Document) -> str:
    """Return a document as HTML; names from users are escaped."""
    return "\n".join(_lines(document)) + "\n"


def _lines(document: Document) -> Iterator[str]:
    title = _text(document.title)
    yield "<!doctype html>"
    yield '<html lang="en">'
    yield "<head>"
    yield '<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="referrer" content="no-referrer">'
    yield f"<title>{title}</title>"
    yield f"<style>{STYLE}</style>"
    yield "</head>"
    yield "<body>"
    yield f'<header><h1>{title}</h1><p class="subtitle">{_text(document.subtitle)}</p>'
    yield from (f'<p class="notice">{_text(note)}</p>' for note in document.notes)
    yield "</header>"
    yield "<main>"
    for part in document.sections:
        yield from _section(part)
    yield "</main>"
    yield f"<footer><p>{_text(document.footer)}</p></footer>"
    yield "</body>"
    yield "</html>"


def _section(part: Section) -> Iterator[str]:
    yield f"<section><h2>{_text(part.title)}</h2>"
    for block in part.blocks:
        yield from _block(block)
    yield "</section>"


def _block(block: Block) -> Iterator[str]:
    match block:
        case Facts():
            yield '<dl class="facts">'
            yield from map(_fact, block.facts)
            yield "</dl>"
        case Bullets():
            yield "<ul>"
            yield from (f"<li{_class(tone)}>{_text(text)}</li>" for text, tone in block.items)
            yield "</ul>"
        case Table():
            yield from _table(block)
        case Charts():
            yield '<div class="charts">'
            yield from map(_chart, block.charts)
            yield "</div>"


def _fact(fact: Fact) -> str:
    note = f"<small>{_text(fact.note)}</small>" if fact.note else ""
    value = f"<dd{_class(fact.tone)}>{_text(fact.value)}{note}</dd>"
    return f"<div><dt>{_text(fact.label)}</dt>{value}</div>"


def _table(table: Table) -> Iterator[str]:
    # So that the table can be scrolled with the keyboard.
    yield '<div class="scroll" tabindex="0"><table><thead><tr>'
    for column in table.columns:
        yield f"<th{_class('figure' if column.is_figure else '')}>{_text(column.title)}</th>"
    yield "</tr></thead><tbody>"
    for row in table.rows:
        cells = (_cell(cell, column) for cell, column in zip(row, table.columns, strict=True))
        yield f"<tr>{''.join(cells)}</tr>"
    yield "</tbody></table></div>"
    if table.note:
        yield f'<p class="note">{_text(table.note)}</p>'


def _cell(cell: Cell, column: Column) -> str:
    kinds = [
        "figure" if column.is_figure else "",
        "" if column.is_figure else "short" if len(cell.text) <= _SHORT else "long",
        cell.tone,
    ]
    content = sparkline(cell.values) if cell.values else _text(cell.text)
    if cell.share is not None:
        content += _bar(cell.share)
    return f"<td{_class(*kinds)}>{content}</td>"


def _bar(share: float) -> str:
    width = f"{100 * min(1.0, max(0.0, share)):.1f}"
    return (
        '<svg class="bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="100" height="4"/><rect width="{width}" height="4"/></svg>'
    )


def _chart(chart: Chart) -> str:
    values = axis_of(chart)
    start, end = chart.edges[0], chart.edges[-1]
    times = time_axis(start, end, 4)
    return "".join(
        [
            f'<figure class="chart"><figcaption><b>{_text(chart.title)}</b>',
            *_legend(chart),
            '</figcaption><div class="frame"><div class="values">',
            *(
                f'<span style="bottom:{100 * values.place(tick):.1f}%">{_text(chart.text(tick))}'
                "</span>"
                for tick in values.ticks
            ),
            "</div>",
            line_chart(chart, values),
            '<div class="times">',
            *(_time(tick, times.place(tick), end - start) for tick in times.ticks),
            "</div></div></figure>",
        ]
    )


def _legend(chart: Chart) -> Iterator[str]:
    if len(chart.lines) > 1:
        for number, line in enumerate(chart.lines, 1):
            yield f'<span class="key key-{number}">{_text(line.name)}</span>'


def _time(moment: float, place: float, span: float) -> str:
    side = "first" if place < _MARGIN else "last" if place > 1 - _MARGIN else ""
    return f'<span{_class(side)} style="left:{100 * place:.1f}%">{time_text(moment, span)}</span>'


def _class(*names: str) -> str:
    given = " ".join(name for name in names if name)
    return f' class="{given}"' if given else ""


def _text(text: str) -> str:
    return escape(one_line(text))
