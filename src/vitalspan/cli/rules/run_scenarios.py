"""The `vitalspan rules test` command."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from vitalspan.cli.command import Commands, add_command

if TYPE_CHECKING:
    from vitalspan.rules.model import RuleSet
    from vitalspan.scenarios.model import ScenarioFile


def add_to(commands: Commands) -> None:
    """Add the command and its arguments."""
    summary = "test rules with scenarios, or with unit tests of promtool"
    parser = add_command(commands, "test", summary, _run)
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="a scenario file, or unit tests of promtool"
    )


def _run(arguments: argparse.Namespace) -> None:
    # Imported here, because other commands need neither rules nor scenarios.
    from vitalspan.configfile.report import ConfigFileError  # noqa: PLC0415

    failed = False
    for name in arguments.files:
        try:
            failed |= _any_test_fails(name) if _is_of_promtool(name) else _any_fails(name)
        except ConfigFileError as error:
            failed = True
            print(*error.mistakes, sep="\n", file=sys.stderr)
    if failed:
        raise SystemExit(1)


def _is_of_promtool(name: str) -> bool:
    from vitalspan.configfile.load import load_document  # noqa: PLC0415
    from vitalspan.configfile.report import Report  # noqa: PLC0415
    from vitalspan.scenarios.unit_test_file import is_unit_test_file  # noqa: PLC0415

    return is_unit_test_file(load_document(name, Report(name), "scenario file", "rules"))


def _any_test_fails(name: str) -> bool:
    from vitalspan.scenarios.unit_test_file import load  # noqa: PLC0415
    from vitalspan.scenarios.unit_test_player import UnitTestPlayer  # noqa: PLC0415
    from vitalspan.scenarios.unit_test_rules import tested_groups  # noqa: PLC0415

    file = load(name)
    groups = tested_groups(file)
    return _any_differs(name, file.tests, lambda test: UnitTestPlayer(file, groups, test).play())


def _any_differs(file: str, tests: Iterable[Any], play: Callable[[Any], Iterable[str]]) -> bool:
    """Play tests, print what differs, and return whether anything does."""
    failed = False
    for test in tests:
        with _warnings_of(file, test.name):
            differences = list(play(test))
        print(f"{'FAILED' if differences else 'ok':6}  {test.name}", flush=True)
        print(*differences, sep="\n", end="\n" if differences else "", file=sys.stderr)
        failed |= bool(differences)
    return failed


@contextmanager
def _warnings_of(file: str, test: str) -> Iterator[None]:
    """Put the file and the name of a test before what is logged while it is played."""
    from vitalspan.runtime.internal_errors import logger  # noqa: PLC0415

    def add_names(record: logging.LogRecord) -> bool:
        record.msg, record.args = f"{file}: {test}: {record.getMessage()}", None
        return True

    logger.addFilter(add_names)
    try:
        yield
    finally:
        logger.removeFilter(add_names)


def _any_fails(name: str) -> bool:
    from vitalspan.scenarios.player import Player  # noqa: PLC0415
    from vitalspan.scenarios.scenario_file import load  # noqa: PLC0415

    file = load(name)
    rules = _rules(file)
    return _any_differs(
        name, file.scenarios, lambda scenario: Player(rules, scenario, file.tick).play()
    )


def _rules(file: ScenarioFile) -> RuleSet:
    from vitalspan.rules.file.load import load  # noqa: PLC0415
    from vitalspan.rules.model import RuleSet  # noqa: PLC0415

    loaded = [load(path) for path in file.rule_files]
    return RuleSet(
        tuple(group for rules in loaded for group in rules.groups),
        tuple(slo for rules in loaded for slo in rules.slos),
    )
