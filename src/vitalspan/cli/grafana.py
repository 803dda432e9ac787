"""`vitalspan grafana`: what is about dashboards, each command added by a function of its own."""

from __future__ import annotations

import argparse
from typing import Any

from vitalspan.cli import grafana_check, grafana_export


def add_to(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand and its own subcommands to the command line."""
    about = "write the dashboards for Grafana, and ask a Prometheus for all that they show"
    parser = commands.add_parser(
        "grafana",
        help=about,
        description=f"{about[0].upper()}{about[1:]}.",
        allow_abbrev=False,
    )
    parts = parser.add_subparsers(dest="grafana_command", metavar="COMMAND", required=True)
    grafana_export.add_to(parts)
    grafana_check.add_to(parts)
