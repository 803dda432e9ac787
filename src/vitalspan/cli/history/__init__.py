"""Internal: the `vitalspan history` command and its subcommands."""

from __future__ import annotations

from vitalspan.cli.command import Commands, add_command
from vitalspan.cli.history import contents, export, import_files, reports, summary


def add_to(commands: Commands) -> None:
    """Add the command and its subcommands."""
    text = "list, summarise, export and import the history in a store"
    subcommands = add_command(commands, "history", text).add_subcommands()
    for command in (contents, summary, reports, export, import_files):
        command.add_to(subcommands)
