"""The `vitalspan health` command: the score of a service in words, and as an exit code."""

from __future__ import annotations

import argparse
import json
import sys

from vitalspan.cli.command import Commands, add_command, url
from vitalspan.errors import ConfigurationError


def add_to(commands: Commands) -> None:
    """Add the command and its options."""
    summary = "print the health of a running service, and set the exit code"
    more = (
        "The exit code is 0 for healthy, 1 for degraded, 2 for unhealthy and critical, and 3 if "
        "nothing is known or the service cannot be reached."
    )
    parser = add_command(commands, "health", summary, _run, more)
    option = parser.add_argument
    option("url", type=url, metavar="URL", help="the service, its metrics, its page or its /health")
    parser.add_duration("--timeout", "how long a request may take (5s)", default=5.0)
    parser.add_flag("--json", "print JSON")
    parser.add_metric_prefix()


def _run(arguments: argparse.Namespace) -> None:
    from vitalspan.bridge.scrape.scrape_target import ScrapeError  # noqa: PLC0415 - other commands need
    from vitalspan.http_client.target import shown  # noqa: PLC0415
    from vitalspan.top.health_check import UNREACHABLE, health_at  # noqa: PLC0415
    from vitalspan.top.instances import metrics_url  # noqa: PLC0415
    from vitalspan.top.terminal_text import safe  # noqa: PLC0415
    from vitalspan.words import one_line  # noqa: PLC0415

    try:
        report = health_at(
            arguments.url,
            timeout=arguments.timeout,
            metric_prefix=arguments.metric_prefix,
        )
    except ConfigurationError as refused:
        # An exit code of 1 would mean that the service is degraded.
        print(one_line(f"vitalspan {refused}"), file=sys.stderr)
        raise SystemExit(UNREACHABLE) from None
    except ScrapeError as failed:
        where = shown(metrics_url(arguments.url))
        print(f"vitalspan health: {where}: {safe(str(failed))}", file=sys.stderr)
        raise SystemExit(UNREACHABLE) from None
    if arguments.json:
        print(json.dumps(vars(report)))
    else:
        score = "no score" if report.score is None else f"{report.score:.1f}"
        print(one_line(f"{score}: {report.status}"))
        for reason in report.reasons:
            print(f"  {one_line(reason)}")
    raise SystemExit(report.exit_code)
