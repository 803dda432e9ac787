"""`vitalspan run`: instruments a program without changing its code."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vitalspan.cli.command import Commands, add_command
from vitalspan.errors import ConfigurationError

if TYPE_CHECKING:
    from vitalspan.zero_code.instrumentation import Instrumentation


def add_to(commands: Commands) -> None:
    """Add the command and its options."""
    run = add_command(
        commands,
        "run",
        "run a program with its libraries and functions instrumented",
        _run,
        "The VITALSPAN_* variables set everything else.",
    )
    run.usage = "%(prog)s [options] -- COMMAND [ARGUMENT ...]"
    option = run.add_argument
    option(
        "--operations",
        metavar="PATTERNS",
        help="functions that become operations, such as 'shop.checkout:*, shop.db:Query.run' "
        "(VITALSPAN_OPERATIONS)",
    )
    option(
        "--instrument",
        metavar="NAMES",
        help="libraries to instrument: all, none, or names with commas between them "
        "(VITALSPAN_INSTRUMENT, or all)",
    )
    option(
        "--port",
        metavar="PORT",
        help="serve the metrics of all processes of the program at this port (VITALSPAN_PORT)",
    )
    option(
        "--addr",
        metavar="ADDRESS",
        help="the address of that port (VITALSPAN_ADDR, or 127.0.0.1)",
    )
    run.add_flag("--trace", "export spans by OTLP, configured by the OTEL_* variables")
    run.add_flag(
        "--dry-run",
        "run nothing; list the functions that match the patterns, and exit with 1 if a "
        "pattern matches none",
    )


def _run(arguments: argparse.Namespace) -> None:
    instrumentation = _instrumentation(arguments)
    if arguments.dry_run:
        _list(instrumentation)
        return
    command = arguments.command_line
    if not command:
        raise ConfigurationError("give the program after two dashes: -- COMMAND [ARGUMENT ...]")
    from vitalspan.zero_code.environment import environment_of  # noqa: PLC0415 - see below
    from vitalspan.zero_code.serving import (  # noqa: PLC0415
        is_taken,
        remove_directory,
        with_directory,
    )

    instrumentation = with_directory(instrumentation)
    # Only a directory that is new cannot have processes that serve at this port already.
    if instrumentation.owner and is_taken(instrumentation.port, instrumentation.addr):
        print(
            f"vitalspan run: port {instrumentation.port} is taken by another program: the metrics "
            "are served there as soon as it is free",
            file=sys.stderr,
        )

    if sys.stdout is not None:
        sys.stdout.flush()
    try:
        os.execvpe(  # noqa: S606 - running what it is given is what it is for
            command[0], command, environment_of(instrumentation.to_json(), os.environ)
        )
    except OSError as refused:
        remove_directory(instrumentation.workers, instrumentation.owner)
        print(f"vitalspan run: {command[0]}: {refused.strerror or refused}", file=sys.stderr)
        from vitalspan.jobs.command import status_of_refusal  # noqa: PLC0415 - rarely needed

        raise SystemExit(status_of_refusal(refused)) from None


def _instrumentation(arguments: argparse.Namespace) -> Instrumentation:
    # Imported here, because other commands do not need it.
    from vitalspan.zero_code.instrumentation import Instrumentation  # noqa: PLC0415

    instrumentation = Instrumentation.from_environment()
    given = {
        name: value
        for name in ("operations", "instrument", "port", "addr")
        if (value := getattr(arguments, name)) is not None
    }
    if arguments.trace:
        given["tracing"] = "otlp"
    return replace(instrumentation, **given)


def _list(instrumentation: Instrumentation) -> None:
    from vitalspan.zero_code.matching_functions import list_matches  # noqa: PLC0415
    from vitalspan.zero_code.patterns import parse_patterns  # noqa: PLC0415

    patterns = parse_patterns(instrumentation.operations)
    if not patterns:
        raise ConfigurationError("give patterns with --operations or in VITALSPAN_OPERATIONS")
    # A program is usually found in the directory where it is started.
    matched = list_matches(patterns, [str(Path.cwd()), *sys.path])
    for module, name in matched:
        print(f"{module}:{name}")
    idle = [one for one in patterns if not any(one.matches(*each) for each in matched)]
    for pattern in idle:
        print(f"vitalspan run: {pattern} matches no function", file=sys.stderr)
    if idle:
        raise SystemExit(1)
