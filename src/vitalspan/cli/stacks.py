"""The `vitalspan stacks` command: the stacks of a service's running calls."""

from __future__ import annotations

import argparse
import json

from vitalspan.cli.command import Commands, add_command, url

_MOST_CALLS = 100
"""The maximum number of calls in a response of the service."""


def add_to(commands: Commands) -> None:
    """Add the command and its options."""
    summary = "print the stacks of the running calls of a service"
    more = "The stacks come from the JSON API of the service's page. The oldest call is first."
    parser = add_command(commands, "stacks", summary, _run, more)
    option = parser.add_argument
    option("url", type=url, metavar="URL", help="the service's page, such as http://localhost:9464")
    option("--operation", default="", metavar="NAME", help="only calls of this operation")
    option("--component", default="", metavar="NAME", help="only calls of this component")
    option(
        "--limit",
        type=_limit,
        default=20,
        metavar="N",
        help=f"how many calls, {_MOST_CALLS} at most (20)",
    )
    parser.add_duration("--timeout", "how long the request may take (10s)", default=10.0)
    parser.add_flag("--json", "print JSON")


def _limit(text: str) -> int:
    number = int(text)
    if not 1 <= number <= _MOST_CALLS:
        raise argparse.ArgumentTypeError(
            f"{text!r:.80}: use a whole number from 1 to {_MOST_CALLS}"
        )
    return number


def _run(arguments: argparse.Namespace) -> None:
    # Imported here, because other commands do not need it.
    from vitalspan.top.service_report import ServiceApi  # noqa: PLC0415
    from vitalspan.top.stacks import stacks_at, stacks_text  # noqa: PLC0415

    document = stacks_at(
        ServiceApi(arguments.url, timeout=arguments.timeout),
        operation=arguments.operation,
        component=arguments.component,
        limit=arguments.limit,
    )
    if arguments.json:
        print(json.dumps(document.as_they_are()))
        return
    print(*stacks_text(document), sep="\n")
