"""`vitalspan grafana export`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any


def add_to(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand and its options to the command line of `vitalspan grafana`."""
    parser = commands.add_parser(
        "export",
        help="write the dashboards, as JSON",
        description="Write the dashboards, as JSON that Grafana imports or is provisioned with.",
        allow_abbrev=False,
    )
    option = parser.add_argument
    option("--to", required=True, metavar="DIR", help="where to write; it is made if need be")
    option(
        "--metric-prefix",
        default="",
        metavar="P",
        help="what the processes put before the names of their metrics",
    )
    option(
        "--datasource",
        default="prometheus",
        metavar="UID",
        help="the Prometheus data source that is chosen at first (%(default)s)",
    )
    option(
        "--check",
        action="store_true",
        help="write nothing; exit with 1 if DIR is not as it would be written",
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    # Other commands need no dashboards.
    from vitalspan.artifacts.directory import differences, nothing, write  # noqa: PLC0415
    from vitalspan.artifacts.grafana.files import files, left_over  # noqa: PLC0415

    made = files(arguments.metric_prefix, arguments.datasource)
    directory = Path(arguments.to)
    if not arguments.check:
        print(*write(made, directory, nothing), sep="\n")
        # They could be somebody's own by now, so that they are not removed.
        for path in left_over(made, directory):
            print(f"{path}: not made any more; remove it", file=sys.stderr)
        return
    found = differences(made, directory, left_over)
    if found:
        print(*found, sep="\n", file=sys.stderr)
        print("run the same command without --check to write it anew", file=sys.stderr)
        raise SystemExit(1)
    print(f"{directory}: up to date")
