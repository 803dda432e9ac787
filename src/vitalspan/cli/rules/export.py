"""The `vitalspan rules export` command."""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields
from typing import TYPE_CHECKING

from vitalspan.cli.command import Commands, add_command, export_files

if TYPE_CHECKING:
    from vitalspan.rules.model import RuleSet


def add_to(commands: Commands) -> None:
    """Add the command and its options."""
    summary = "write rules for Prometheus, with tests, and inhibition rules for Alertmanager"
    parser = add_command(commands, "export", summary, _run)
    parser.add_argument("file", metavar="FILE", help="a rule file")
    parser.add_directory()
    parser.add_flag(
        "--per-instance",
        "alert on each instance, instead of on all instances of a job together",
    )
    parser.add_metric_prefix()
    parser.add_argument(
        "--runbook-url",
        default="",
        metavar="URL",
        help="where the runbooks are; {alertname} in it stands for the name of the alert, which is "
        "appended otherwise",
    )
    parser.add_duration(
        "--interval",
        "the evaluation interval of groups that have none of their own (15s)",
    )
    parser.add_duration(
        "--scrape-interval",
        "how often Prometheus scrapes (15s, or --interval if that is less)",
    )
    parser.add_argument(
        "--buckets",
        type=_buckets,
        default=None,
        metavar="SECONDS,...",
        help="the bucket boundaries of durations, if the processes have others than the default, "
        "such as 0.1,0.5,1,5,60,600",
    )


def _run(arguments: argparse.Namespace) -> None:
    # Imported here, because other commands need neither rules nor YAML.
    from vitalspan.artifacts.directory import rule_tests  # noqa: PLC0415
    from vitalspan.artifacts.export import export  # noqa: PLC0415
    from vitalspan.artifacts.options import Options  # noqa: PLC0415
    from vitalspan.rules.burn_rate_alerts import with_burn_rate_alerts  # noqa: PLC0415
    from vitalspan.rules.file.load import load  # noqa: PLC0415

    values = {field.name: getattr(arguments, field.name) for field in fields(Options)}
    options = Options(**{name: value for name, value in values.items() if value is not None})
    rules = with_burn_rate_alerts(load(arguments.file), options.interval)
    files = export(rules, options)
    for alert in () if options.per_instance else _showing_instance(rules):
        print(
            f"{alert}: $labels.instance is empty without --per-instance: use this option, or "
            "leave the label out",
            file=sys.stderr,
        )
    export_files(arguments, files, rule_tests, remove=True)


def _showing_instance(rules: RuleSet) -> list[str]:
    """Return the alerts whose annotations use the label `instance`."""
    from vitalspan.rules.annotation_templates import labels_of  # noqa: PLC0415

    every = (rule for group in rules.groups for rule in group.rules)
    return [
        rule.alert
        for rule in every
        if any("instance" in labels_of(text) for _, text in rule.annotations)
    ]


def _buckets(text: str) -> tuple[float, ...]:
    from vitalspan.bucket_boundaries import check_boundaries  # noqa: PLC0415
    from vitalspan.errors import ConfigurationError  # noqa: PLC0415

    try:
        return check_boundaries([float(bound) for bound in text.split(",")])
    except ConfigurationError as refused:
        raise argparse.ArgumentTypeError(str(refused)) from None
    except ValueError:
        problem = f"{text!r:.60} is not a list of seconds: use one such as 0.1,0.5,1,5"
        raise argparse.ArgumentTypeError(problem) from None
