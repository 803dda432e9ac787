"""`vitalspan rules export`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any


def add_to(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand and its options to the command line of `vitalspan rules`."""
    parser = commands.add_parser(
        "export",
        help="write rules for Prometheus, with tests, and inhibition rules for Alertmanager",
        description="Write rules for Prometheus, with tests for promtool, and inhibition rules for "
        "Alertmanager.",
        allow_abbrev=False,
    )
    option = parser.add_argument
    option("file", metavar="FILE", help="a rule file")
    option("--to", required=True, metavar="DIR", help="where to write; it is made if need be")
    option(
        "--per-instance",
        action="store_true",
        help="alerts for each instance, instead of one for all of a job",
    )
    option(
        "--metric-prefix",
        default="",
        metavar="P",
        help="what the processes put before the names of their metrics",
    )
    option(
        "--runbook-url",
        default="",
        metavar="URL",
        help="where runbooks are; {alertname} stands for the alert's name, which follows otherwise",
    )
    option(
        "--interval",
        type=_interval,
        default=None,
        metavar="TIME",
        help="between two evaluations of groups that name none (15s)",
    )
    option(
        "--check",
        action="store_true",
        help="write nothing; exit with 1 if DIR is not as it would be written",
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    # Other commands need neither rules nor YAML.
    from vitalspan.artifacts.directory import differences, write  # noqa: PLC0415
    from vitalspan.artifacts.export import export  # noqa: PLC0415
    from vitalspan.artifacts.options import Options  # noqa: PLC0415
    from vitalspan.rules.file import load  # noqa: PLC0415
    from vitalspan.rules.slos import expand  # noqa: PLC0415

    options = Options(
        per_instance=arguments.per_instance,
        metric_prefix=arguments.metric_prefix,
        runbook_url=arguments.runbook_url,
        interval=Options.interval if arguments.interval is None else arguments.interval,
    )
    files = export(expand(load(arguments.file)), options)
    directory = Path(arguments.to)
    if not arguments.check:
        print(*write(files, directory), sep="\n")
        return
    found = differences(files, directory)
    if found:
        print(*found, sep="\n", file=sys.stderr)
        print("run the same command without --check to write it anew", file=sys.stderr)
        raise SystemExit(1)
    print(f"{directory}: up to date")


def _interval(text: str) -> float:
    from vitalspan.signals.units import parse_duration  # noqa: PLC0415

    try:
        return parse_duration(text)
    except ValueError as refused:
        raise argparse.ArgumentTypeError(str(refused)) from None
