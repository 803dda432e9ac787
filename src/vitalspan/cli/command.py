"""The common parts of commands: registration, shared arguments, and exported files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn, TypeAlias

# argparse has no public name for it.
Commands: TypeAlias = "argparse._SubParsersAction[Parser]"  # noqa: SLF001
Run = Callable[[argparse.Namespace], None]


class Parser(argparse.ArgumentParser):
    """A parser of arguments that reports mistakes in one line, and has options of several commands.

    The parsers of subcommands have the same class.
    """

    def error(self, message: str) -> NoReturn:
        """Print a mistake to standard error and exit with 2."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")

    def add_subcommands(self) -> Commands:
        """Return the object to which the subcommands of a command are added."""
        return self.add_subparsers(dest="subcommand", metavar="COMMAND", required=True)

    def add_duration(
        self,
        flag: str,
        help: str,  # noqa: A002 - the word of argparse
        *,
        default: float | str | None = None,
    ) -> None:
        """Add an option whose value is a duration such as `5m`.

        Args:
            flag: the option, with its hyphens.
            help: the help text.
            default: seconds, or a text that is parsed like the option's value.
        """
        self.add_argument(flag, type=duration, default=default, metavar="DURATION", help=help)

    def add_flag(self, flag: str, help: str) -> None:  # noqa: A002 - the word of argparse
        """Add an option without a value, which is off unless it is given."""
        self.add_argument(flag, action="store_true", help=help)

    def add_repeated(
        self,
        flag: str,
        metavar: str,
        help: str,  # noqa: A002 - the word of argparse
        type: Callable[[str], object] = str,  # noqa: A002 - the word of argparse
    ) -> None:
        """Add an option that may be given several times, whose values become a list."""
        self.add_argument(flag, action="append", default=[], metavar=metavar, help=help, type=type)

    def add_metric_prefix(self) -> None:
        """Add `--metric-prefix`."""
        self.add_argument(
            "--metric-prefix",
            default="",
            metavar="PREFIX",
            help="the prefix that the processes put before the names of their metrics",
        )

    def add_classic_histograms(self) -> None:
        """Add `--classic-histograms`."""
        usage = "use no native histograms, for servers that do not support them"
        self.add_flag("--classic-histograms", usage)

    def add_directory(self) -> None:
        """Add `--to` and `--check`, for commands that export files."""
        usage = "the directory to write to; created if missing"
        self.add_argument("--to", required=True, metavar="DIR", help=usage)
        usage = "write nothing; exit with 1 if the files in DIR differ from what would be written"
        self.add_flag("--check", usage)


def add_command(
    commands: Commands, name: str, summary: str, run: Run | None = None, more: str = ""
) -> Parser:
    """Add a command.

    Args:
        commands: the parser's subcommands.
        name: the name of the command.
        summary: what it does, without a capital letter and a full stop.
        run: runs it; None for a command that only has subcommands.
        more: further sentences for its own help.
    """
    description = f"{summary[0].upper()}{summary[1:]}. {more}".strip()
    parser = commands.add_parser(name, help=summary, description=description, allow_abbrev=False)
    parser.set_defaults(run=run, parser=parser)
    return parser


def export_files(
    arguments: argparse.Namespace,
    files: Mapping[str, str],
    left_over: Callable[[Mapping[str, str], Path], list[Path]],
    *,
    remove: bool,
) -> None:
    """Write files into the directory that the arguments name, or compare them with it.

    Args:
        arguments: the arguments of `Parser.add_directory`.
        files: their contents, by name.
        left_over: finds the files of an earlier export that this one does not have.
        remove: whether these are removed; otherwise they are only reported.

    Raises:
        SystemExit: with 1 if `--check` finds a difference.
    """
    from vitalspan.artifacts.directory import differences, nothing, write  # noqa: PLC0415

    directory = Path(arguments.to)
    if not arguments.check:
        print(*write(files, directory, left_over if remove else nothing), sep="\n")
        for path in () if remove else left_over(files, directory):
            print(f"{path}: no longer generated; remove it", file=sys.stderr)
        return
    lines = differences(files, directory, left_over)
    if lines:
        print(*lines, sep="\n", file=sys.stderr)
        print("run the same command without --check to update the files", file=sys.stderr)
        raise SystemExit(1)
    print(f"{directory}: up to date")


def url(text: str) -> str:
    """Return the URL of an argument, which may be an address without `http://`."""
    from vitalspan.http_client.target import with_scheme  # noqa: PLC0415 - as for durations

    return with_scheme(text)


def duration(text: str) -> float:
    """Return the seconds of an argument such as `5m`.

    Raises:
        argparse.ArgumentTypeError: for an invalid text.
    """
    from vitalspan.units import parse_duration  # noqa: PLC0415 - few commands have such arguments

    try:
        return parse_duration(text)
    except ValueError as refused:
        raise argparse.ArgumentTypeError(str(refused)) from None
