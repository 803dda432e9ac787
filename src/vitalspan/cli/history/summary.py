"""`vitalspan history summary`: the statistics of a period."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from vitalspan.cli.command import Commands, add_command
from vitalspan.cli.history.store_argument import (
    add_period,
    add_store,
    date_text,
    opened,
    opened_server,
    period_of,
    print_warnings,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vitalspan.store.reader import StoredPeriod
from vitalspan.store.stored_sums import StoredSums


def add_to(commands: Commands) -> None:
    """Add the subcommand."""
    summary = "show the figures of each operation in a period"
    parser = add_command(commands, "summary", summary, _summarise)
    add_store(parser)
    add_period(parser)
    parser.add_argument("--operation", metavar="NAME", help="only this operation")
    parser.add_flag("--json", "print JSON")
    parser.add_metric_prefix()


def _summarise(arguments: argparse.Namespace) -> None:
    period = _period(arguments)
    period.series.sort(key=lambda sums: -sums.total)
    if arguments.json:
        print(json.dumps(_document(period), indent=2))
    else:
        print(*_lines(period), sep="\n")


def _period(arguments: argparse.Namespace) -> StoredPeriod:
    from vitalspan.store.call_selection import CallSelection  # noqa: PLC0415 - --help needs it not

    start, end, now = period_of(arguments)
    selection = CallSelection(operation=arguments.operation)
    server = opened_server(arguments, arguments.metric_prefix)
    if server is None:
        return opened(arguments).reader.period(start, end, now, selection.selects)
    period = server.period(start, end, selection)
    period.series = [one for one in period.series if one.series.kind == "operation"]
    print_warnings(server)
    return period


def _document(period: StoredPeriod) -> dict[str, Any]:
    operations = [
        {
            "labels": dict(one.series.labels),
            "count": one.count,
            "errors": one.errors,
            "errors_by_type": one.errors_by_type,
            "measures": one.measures,
            "total": one.total,
            "mean": one.total / one.count if one.count else None,
            "min": one.shortest,
            "max": one.longest,
            **{f"p{q}": one.quantile(q / 100) for q in (50, 95, 99)},
        }
        for one in period.series
        if one.count
    ]
    return {"start": period.start, "end": period.end, "operations": operations}


def _lines(period: StoredPeriod) -> Iterator[str]:
    yield f"from {date_text(period.start)} to {date_text(period.end)} UTC"
    counted = [one for one in period.series if one.count]
    if not counted:
        yield "no calls"
        return
    yield f"{'calls':>10}  {'errors':>8}  {'mean':>9}  {'p95':>9}  {'max':>9}  operation"
    yield from map(_line, counted)


def _line(sums: StoredSums) -> str:
    from vitalspan.units import SECONDS, value_text  # noqa: PLC0415 - it is needed for a table alone

    labels = dict(sums.series.labels)
    component, operation = labels.pop("component", ""), labels.pop("operation", "")
    named = ", ".join(f"{label}={value}" for label, value in labels.items())
    mean, p95 = sums.total / sums.count, sums.quantile(0.95) or 0.0
    seconds = "  ".join(f"{value_text(one, SECONDS):>9}" for one in (mean, p95, sums.longest))
    what = f"{component}/{operation}" + (f" ({named})" if named else "")
    return f"{sums.count:>10}  {sums.errors:>8}  {seconds}  {what}"
