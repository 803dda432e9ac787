"""`vitalspan history import`: imports the saved state of the older monitors into a store."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from vitalspan.cli.command import Commands, add_command
from vitalspan.cli.history.store_argument import store_url


def add_to(commands: Commands) -> None:
    """Add the subcommand."""
    parser = add_command(
        commands,
        "import",
        "import the files of the older monitors into a store",
        _import,
        more="A file contains one JSON document, or one on each line. Stop "
        "services that write to the store first.",
    )
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="a file that an older monitor saved"
    )
    parser.add_argument("--store", metavar="URL", help="the store; by default $VITALSPAN_STORE")
    parser.add_argument(
        "--component",
        default="default",
        metavar="NAME",
        help="the component of operations that have none",
    )
    parser.add_flag("--skip", "skip records that cannot be used, instead of importing nothing")
    parser.add_flag("--again", "import files again that were imported before")


def _import(arguments: argparse.Namespace) -> None:
    from vitalspan.importers.saved_state.into_store import (  # noqa: PLC0415 - --help needs it not
        ImportOptions,
        import_files,
    )
    from vitalspan.store.open_store import open_store  # noqa: PLC0415

    store = open_store(store_url(arguments.store))
    options = ImportOptions(arguments.component, arguments.skip, arguments.again)
    try:
        done = import_files(store, arguments.files, time.time(), options)
    finally:
        store.close()
    print(
        f"imported into {store.name}: {done.calls} operations, {done.sessions} sessions, "
        f"{done.alerts} alerts"
    )
    if done.too_old:
        print(f"left out because they are older than the store keeps: {done.too_old} operations")
    if done.mistakes:
        print(f"left out because they cannot be used: {done.mistakes}")
