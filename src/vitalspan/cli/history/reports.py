"""`vitalspan history reports`: the reports in a store."""

from __future__ import annotations

import argparse

from vitalspan.cli.command import Commands, add_command
from vitalspan.cli.history.store_argument import add_store, date_text, opened
from vitalspan.errors import VitalspanError

_MOST: int = 10_000


def add_to(commands: Commands) -> None:
    """Add the subcommand."""
    parser = add_command(commands, "reports", "list the reports of a store, or show one", _reports)
    add_store(parser)
    parser.add_argument(
        "--show", type=int, metavar="NUMBER", help="show the report of this number; 1 is the latest"
    )
    parser.add_argument(
        "--to",
        metavar="FILE",
        help="write the report to a file in the format of its suffix: .html, .md, .json or .txt",
    )


def _reports(arguments: argparse.Namespace) -> None:
    from vitalspan.reports.stored_reports import stored_reports  # noqa: PLC0415

    kept = stored_reports(opened(arguments).reader, _MOST)
    if arguments.show is None and not arguments.to:
        for number, report in enumerate(kept, 1):
            print(f"{number:>5}  {date_text(report.at)}  {report.title}, {report.subtitle}")
        if not kept:
            print("there are no reports in it")
        return
    number = 1 if arguments.show is None else arguments.show
    if not 1 <= number <= len(kept):
        raise VitalspanError(f"--show {number}: the store has {len(kept)} reports")
    report = kept[number - 1]
    if arguments.to:
        report.save(arguments.to)
    else:
        print(report.text())
