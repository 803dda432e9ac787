"""Internal: the `vitalspan grafana` command and its subcommands."""

from __future__ import annotations

from vitalspan.cli.command import Commands, add_command
from vitalspan.cli.grafana import check, export


def add_to(commands: Commands) -> None:
    """Add the command and its subcommands."""
    summary = "export the dashboards for Grafana, and check their queries on a Prometheus"
    subcommands = add_command(commands, "grafana", summary).add_subcommands()
    export.add_to(subcommands)
    check.add_to(subcommands)
