"""`vitalspan workers`: the processes that share a directory, and the remains of others."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from vitalspan.cli.command import Commands, add_command
from vitalspan.errors import VitalspanError

if TYPE_CHECKING:
    from vitalspan.workers.inspection import DirectoryReport


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "workers",
        "show the processes that share their counts in a directory",
        _workers,
    )
    parser.add_argument("directory", metavar="DIR", help="the directory, as in VITALSPAN_WORKERS")
    parser.add_flag(
        "--clean",
        "remove the files, unless a process is still alive, so that all counts start over",
    )


def _workers(arguments: argparse.Namespace) -> None:
    # Imported here, because other commands do not need prometheus_client.
    from vitalspan.workers.inspection import clean, inspect  # noqa: PLC0415

    directory = Path(arguments.directory)
    if not directory.is_dir():
        raise VitalspanError(f"{directory} is not a directory")
    report = inspect(directory)
    if not arguments.clean:
        print(*_lines(report, time.time()), sep="\n")
        return
    living = [one for one in report.members if one.living]
    if living:
        raise VitalspanError(
            f"{directory} is in use by {len(living)} processes: stop them before you clean it"
        )
    for path in clean(directory):
        print(f"removed {path}")


def _lines(report: DirectoryReport, now: float) -> list[str]:
    lines = [f"{'worker':>6}  {'pid':>7}  {'age':>8}  {'published':>10}  {'bytes':>9}  state"]
    lines += [
        f"{one.worker:>6}  {one.pid:>7}  {_age(now - one.started):>8}  "
        f"{_age(now - one.published):>10}  {one.size:>9}  {'running' if one.living else 'ended'}"
        + ("  evaluates rules" if one.living and one.pid == report.leader else "")
        for one in report.members
    ]
    lines.append(
        f"archive: {report.archived} bytes; all files: {report.total} bytes"
        if report.archived
        else f"no archive; all files: {report.total} bytes"
    )
    lines += [f"unreadable: {path}: {reason}" for path, reason in report.unreadable]
    return lines


def _age(seconds: float) -> str:
    from vitalspan.units import duration_text  # noqa: PLC0415 - it is needed for a table alone

    return duration_text(max(0, round(seconds)))
