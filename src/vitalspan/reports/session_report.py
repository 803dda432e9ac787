"""The report on a session, alone or compared with an earlier one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from vitalspan.reports.document import (
    Bullets,
    Cell,
    Document,
    Fact,
    Facts,
    Row,
    Section,
    section,
    table,
)
from vitalspan.reports.figures import (
    NOTHING,
    count_text,
    date_text,
    ratio_text,
    seconds_text,
)
from vitalspan.reports.sections import calls
from vitalspan.sessions.comparison import Change, Comparison, OperationComparison
from vitalspan.sessions.session_statistics import SessionStatistics
from vitalspan.sessions.significance import Significance
from vitalspan.words import listed

_SHOWN: Final = ("mean", "p50", "p95", "p99", "error_rate")


def session_document(session: SessionStatistics, comparison: Comparison | None = None) -> Document:
    """Return the report on a session.

    Args:
        session: the session to report.
        comparison: the changes from an earlier session.
    """
    sections = (
        section("In short", _facts(session), _bottlenecks(session)),
        _changes(comparison) if comparison is not None else None,
        calls.operations(session.operations),
        calls.counts(session.counts),
        calls.errors(session.calls),
        calls.resources(session.calls, session.operations),
        calls.calls_table("Slowest calls", session.slowest),
    )
    end = session.start + session.duration
    within = f", within {session.parent}" if session.parent else ""
    return Document(
        f"Report on the session {session.name}",
        f"{seconds_text(session.duration)}: {date_text(session.start)} to {date_text(end)}{within}",
        [part for part in sections if part is not None],
    )


def _facts(session: SessionStatistics) -> Facts:
    took = Fact("took", seconds_text(session.duration))
    return Facts([took, *calls.call_facts(session.calls).facts])


def _bottlenecks(session: SessionStatistics) -> Bullets:
    slow = [f"{one.operation} ({ratio_text(one.share)})" for one in session.bottlenecks]
    text = f"Bottlenecks, with more than 20 % of the time: {listed(slow)}."
    return Bullets([(text, "")] if slow else [])


def _changes(comparison: Comparison) -> Section | None:
    before = comparison.before
    titles = ("operation", "figure", ">before", ">after", ">change", "durations", "errors")
    rows = [row for one in comparison.operations[: calls.MAX_ROWS] for row in _rows(one)]
    counted = [
        [change.figure, _amount(change.before), _amount(change.after), _ratio(change)]
        for change in list(comparison.counts.values())[: calls.MAX_ROWS]
    ]
    note = (
        f"A change is real where a test is at least {ratio_text(comparison.confidence)} sure: the "
        "Mann-Whitney U test for durations, Fisher's exact test for errors."
    )
    return section(
        f"Since the session {before.name} of {date_text(before.start)}",
        table(titles, rows, note),
        table(("counted", ">before", ">after", ">change"), counted),
    )


def _rows(one: OperationComparison) -> Iterator[Row]:
    for index, name in enumerate(_SHOWN):
        change = one.changes[name]
        text = ratio_text if name == "error_rate" else seconds_text
        yield [
            "" if index else one.operation,
            name.replace("_", " "),
            text(change.before),
            text(change.after),
            _ratio(change),
            _verdict(one.durations, index == 0),
            _verdict(one.errors, name == "error_rate"),
        ]


def _verdict(test: Significance, is_shown: bool) -> Cell:  # noqa: FBT001 - of one place
    if not is_shown:
        return Cell("")
    if test.confidence is None:
        return Cell("too few calls", "quiet")
    sure = ratio_text(test.confidence)
    return Cell(f"changed ({sure} sure)" if test.significant else "no more than noise", "quiet")


def _ratio(change: Change) -> str:
    if change.ratio is None:
        return NOTHING
    percent = round((change.ratio - 1) * 100, 1)
    return f"{percent:+g} %" if percent else "0 %"


def _amount(value: float | None) -> str:
    return NOTHING if value is None else count_text(value)
