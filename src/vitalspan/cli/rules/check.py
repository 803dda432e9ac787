"""The `vitalspan rules check` command."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from vitalspan.cli.command import Commands, add_command, url

if TYPE_CHECKING:
    from vitalspan.artifacts.rule_series import SeriesSource
    from vitalspan.rules.model import RuleSet


def add_to(commands: Commands) -> None:
    """Add the command and its options."""
    summary = "report all mistakes in rule files, one on each line"
    more = "Notes point out what is valid, but may not do what you want."
    parser = add_command(commands, "check", summary, _run, more)
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="a rule file, a directory of them, or a pattern"
    )
    parser.add_duration(
        "--scrape-interval",
        "how often Prometheus scrapes, for notes about windows (%(default)s)",
        default="15s",
    )
    parser.add_argument(
        "--against",
        type=url,
        metavar="URL",
        help="check that the series of each rule exist in this Prometheus or at this metrics "
        "endpoint",
    )
    parser.add_metric_prefix()
    parser.add_flag("--strict", "exit with 1 if there are notes")


def _run(arguments: argparse.Namespace) -> None:
    # Imported here, because other commands do not need rules.
    from vitalspan.configfile.report import ConfigFileError  # noqa: PLC0415
    from vitalspan.rules.file.load import load  # noqa: PLC0415

    failed = False
    series = _series(arguments.against)
    for name in arguments.files:
        notes: list[str] = []
        try:
            rules = load(name, notes, arguments.scrape_interval)
        except ConfigFileError as error:
            failed = True
            print(*error.mistakes, sep="\n", file=sys.stderr)
        else:
            print(f"{name}: {_summary(rules)}", *_capped(name, rules), sep="\n")
            print(*notes, sep="\n", end="\n" if notes else "")
            failed |= arguments.strict and bool(notes)
            if series is not None:
                failed |= _has_mistakes(name, rules, series, arguments)
    if failed:
        raise SystemExit(1)


def _series(url: str | None) -> SeriesSource | None:
    if url is None:
        return None
    from vitalspan.artifacts.rule_series import series_source  # noqa: PLC0415

    return series_source(url)


def _has_mistakes(
    name: str, rules: RuleSet, series: SeriesSource, arguments: argparse.Namespace
) -> bool:
    """Print which series of rules are missing; return whether the check fails."""
    from vitalspan.artifacts.rule_series import RefusedError, findings  # noqa: PLC0415
    from vitalspan.errors import VitalspanError  # noqa: PLC0415

    failed = False
    try:
        for finding in findings(rules, series, arguments.metric_prefix):
            bad = finding.is_mistake or arguments.strict
            failed |= bad
            text = f"{name}: {finding.name}: {finding.problem}"
            print(text, file=sys.stderr if finding.is_mistake else sys.stdout)
    except RefusedError as refused:
        raise VitalspanError(f"{arguments.against}: {refused}") from None
    return failed


def _summary(rules: RuleSet) -> str:
    from vitalspan.words import counted  # noqa: PLC0415

    count = sum(len(group.rules) + len(group.expressions) for group in rules.groups)
    groups, slos = counted(len(rules.groups), "group"), counted(len(rules.slos), "SLO")
    parts = [f"{counted(count, 'rule')} in {groups}", slos]
    if rules.health is not None and rules.health.components:
        parts.append(counted(len(rules.health.components), "component"))
    return ", ".join(parts)


def _capped(name: str, rules: RuleSet) -> list[str]:
    from vitalspan.rules.burn_rate_alerts import capped  # noqa: PLC0415

    return [f"{name}: SLO {slo.name}: {note}" for slo in rules.slos for note in capped(slo)]
