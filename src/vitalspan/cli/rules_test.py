"""`vitalspan rules test`."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vitalspan.rules.model import RuleSet
    from vitalspan.scenarios.model import TestFile


def add_to(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand to `vitalspan rules`."""
    about = "play scenarios to rules, and say which alerts did not come as expected"
    parser = commands.add_parser(
        "test", help=about, description=f"{about[0].upper()}{about[1:]}.", allow_abbrev=False
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="a file of scenarios")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    from vitalspan.rules.file import RuleFileError  # noqa: PLC0415 - other commands need none
    from vitalspan.scenarios.document import load  # noqa: PLC0415

    wrong = False
    for name in arguments.files:
        try:
            wrong |= _failed(load(name))
        except RuleFileError as error:  # noqa: PERF203 - every file is tested
            wrong = True
            print(*error.mistakes, sep="\n", file=sys.stderr)
    if wrong:
        raise SystemExit(1)


def _failed(test: TestFile) -> bool:
    from vitalspan.scenarios.play import Player  # noqa: PLC0415

    rules = _rules(test)
    failed = False
    for scenario in test.scenarios:
        differences = list(Player(rules, scenario, test.tick).play())
        failed |= bool(differences)
        print(f"{'FAILED' if differences else 'ok':6}  {scenario.name}", flush=True)
        print(*differences, sep="\n", end="\n" if differences else "", file=sys.stderr)
    return failed


def _rules(test: TestFile) -> RuleSet:
    from vitalspan.rules.file import load  # noqa: PLC0415
    from vitalspan.rules.model import RuleSet  # noqa: PLC0415

    loaded = [load(file) for file in test.rule_files]
    return RuleSet(
        tuple(group for rules in loaded for group in rules.groups),
        tuple(slo for rules in loaded for slo in rules.slos),
    )
