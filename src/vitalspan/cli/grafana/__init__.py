"""Internal: the `vitalspan grafana` command and its subcommands."""

from __future__ import annotations

from typing import Any

from vitalspan.cli.command import Commands, add_command, add_subcommands
from vitalspan.cli.grafana import check, export


def add_to(commands: Commands[Any]) -> None:
    """Add the command and its subcommands."""
    summary = "export the dashboards for Grafana, and check their queries on a Prometheus"
    subcommands = add_subcommands(add_command(commands, "grafana", summary))
    export.add_to(subcommands)
    check.add_to(subcommands)
