"""The command line: finds the subcommand and turns what it raises into one line."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, NoReturn

from vitalspan._version import __version__
from vitalspan.cli import demo, grafana, rules
from vitalspan.errors import VitalspanError

if TYPE_CHECKING:
    from collections.abc import Sequence


class Parser(argparse.ArgumentParser):
    """A parser whose complaint is one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong on standard error and exit with 2."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run `vitalspan` and return its exit code.

    Args:
        argv: the arguments after the program's name; by default those of the process.

    Raises:
        SystemExit: for `--help`, `--version` (0) and arguments that cannot be used (2).
    """
    arguments = _parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except VitalspanError as error:
        print(f"vitalspan {arguments.command}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever read the output has gone; the interpreter would complain when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> Parser:
    parser = Parser(
        prog="vitalspan",
        description="Spans, Prometheus series and health of a Python service.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    demo.add_to(commands)
    rules.add_to(commands)
    grafana.add_to(commands)
    return parser
