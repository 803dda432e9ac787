"""`vitalspan rules`: what is about rule files, each command added by a function of its own."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vitalspan.cli import rules_export, rules_test

if TYPE_CHECKING:
    from vitalspan.rules.model import RuleSet

Commands = argparse._SubParsersAction  # noqa: SLF001 - argparse has no public name for it


def add_to(commands: Commands[Any]) -> None:
    """Add the subcommand and its own subcommands to the command line."""
    parser = commands.add_parser(
        "rules",
        help="check rule files and say what is in them",
        description="Check rule files and say what is in them.",
        allow_abbrev=False,
    )
    parts = parser.add_subparsers(dest="rules_command", metavar="COMMAND", required=True)
    for add in _PARTS:
        add(parts)


def _add_check(commands: Commands[Any]) -> None:
    about = "say everything that is wrong with rule files, a line each"
    parser = _command(commands, "check", about, _check)
    parser.add_argument("files", nargs="+", metavar="FILE", help="a rule file")


def _add_explain(commands: Commands[Any]) -> None:
    about = "say each rule, and how health is scored, in sentences and in PromQL"
    parser = _command(commands, "explain", about, _explain)
    parser.add_argument("source", metavar="FILE|PRESET", help="a rule file, or a preset's name")


def _add_presets(commands: Commands[Any]) -> None:
    about = "list the rules that come with vitalspan"
    parser = _command(commands, "presets", about, _presets)
    parser.add_argument("name", nargs="?", metavar="PRESET", help="print this one, to start from")


def _command(
    commands: Commands[Any], name: str, about: str, run: Callable[[argparse.Namespace], None]
) -> argparse.ArgumentParser:
    description = f"{about[0].upper()}{about[1:]}."
    parser = commands.add_parser(name, help=about, description=description, allow_abbrev=False)
    parser.set_defaults(run=run)
    return parser  # type: ignore[no-any-return]


_PARTS: Final = (_add_check, _add_explain, _add_presets, rules_test.add_to, rules_export.add_to)


def _check(arguments: argparse.Namespace) -> None:
    from vitalspan.rules.file import RuleFileError, load  # noqa: PLC0415 - other commands need none

    wrong = False
    for name in arguments.files:
        try:
            print(f"{name}: {_summary(load(name))}")
        except RuleFileError as error:  # noqa: PERF203 - every file is told about
            wrong = True
            print(*error.mistakes, sep="\n", file=sys.stderr)
    if wrong:
        raise SystemExit(1)


def _summary(rules: RuleSet) -> str:
    count = sum(len(group.rules) for group in rules.groups)
    groups, slos = _counted(len(rules.groups), "group"), _counted(len(rules.slos), "SLO")
    parts = [f"{_counted(count, 'rule')} in {groups}", slos]
    if rules.health is not None and rules.health.components:
        parts.append(_counted(len(rules.health.components), "component"))
    return ", ".join(parts)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _explain(arguments: argparse.Namespace) -> None:
    from vitalspan.health.sentences import explain_scoring  # noqa: PLC0415
    from vitalspan.rules import presets  # noqa: PLC0415
    from vitalspan.rules.explain import explain  # noqa: PLC0415
    from vitalspan.rules.file import load  # noqa: PLC0415

    source = Path(arguments.source)
    # A file wins over a preset of the same name, and a name alone that is no file is a preset's.
    preset = not source.exists() and source.name == arguments.source and not source.suffix
    rules = presets.load(source.name) if preset else load(source)
    print("\n\n".join(filter(None, (explain(rules), explain_scoring(rules)))))


def _presets(arguments: argparse.Namespace) -> None:
    from vitalspan.rules import presets  # noqa: PLC0415

    if arguments.name is not None:
        print(presets.text(arguments.name), end="")
        return
    width = max(map(len, presets.names()))
    for name in presets.names():
        print(f"{name:{width}}  {_first_sentence(presets.text(name))}")


def _first_sentence(text: str) -> str:
    comment = takewhile(lambda line: line.startswith("#"), text.splitlines())
    return " ".join(line.removeprefix("#").strip() for line in comment).split(". ")[0].rstrip(".")
