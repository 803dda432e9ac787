"""The `vitalspan` program: runs a command, and prints errors as one line."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Final

from vitalspan._version import __version__
from vitalspan.cli import (
    bridge,
    demo,
    grafana,
    health,
    history,
    job,
    report,
    rules,
    run,
    stacks,
    top,
    workers,
)
from vitalspan.cli.command import Parser
from vitalspan.errors import VitalspanError

if TYPE_CHECKING:
    from collections.abc import Sequence


_COMMANDS = (demo, rules, grafana, history, top, health, stacks, report, workers, bridge, job, run)
"""The modules of the commands, in the order of the help."""

_RUNNING_COMMANDS: Final = (["job"], ["run"])
"""The first words of command lines that contain a command of the user."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `vitalspan` and return its exit code.

    Args:
        argv: the arguments after the program's name; by default those of the process.

    Raises:
        SystemExit: with 0 after `--help` and `--version`, with 2 for wrong arguments, and with the
            exit code of a command.
    """
    words, command_line = _split(sys.argv[1:] if argv is None else argv)
    arguments, unknown = _parser().parse_known_args(
        words, argparse.Namespace(command_line=command_line)
    )
    if unknown:
        arguments.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    try:
        arguments.run(arguments)
    except VitalspanError as error:
        print(f"vitalspan {arguments.command}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader of the output has exited. The interpreter would report an error when it
        # flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _split(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the arguments, and the command after two dashes for `job run` or `run`.

    The command may contain two dashes itself, which argparse would interpret.
    """
    words = list(argv)
    if words[:1] not in _RUNNING_COMMANDS or "--" not in words:
        return words, []
    at = words.index("--")
    return words[:at], words[at + 1 :]


def _parser() -> Parser:
    parser = Parser(
        prog="vitalspan",
        description="Rules, dashboards, a live view, workers, batch jobs and a demo for services "
        "that vitalspan measures, and a bridge to OpenTelemetry.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add_to(commands)
    return parser
