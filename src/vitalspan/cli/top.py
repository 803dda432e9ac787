"""The `vitalspan top` command: operations, health and alerts of running services, live."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from typing import TYPE_CHECKING

from vitalspan.cli.command import Commands, add_command, url
from vitalspan.errors import ConfigurationError, MissingExtraError

if TYPE_CHECKING:
    from vitalspan.top.instances import Snapshot
    from vitalspan.top.scrape_rounds import Rounds
    from vitalspan.top.view import View


def add_to(commands: Commands) -> None:
    """Add the command and its options."""
    from vitalspan.top.view import SORT_NAMES  # noqa: PLC0415 - imports little

    summary = "show operations, health and alerts of running services, live"
    more = (
        "Rates, shares of errors and percentiles cover the time between the last two scrapes. "
        "Set NO_COLOR to turn colours off."
    )
    parser = add_command(commands, "top", summary, _run, more)
    option = parser.add_argument
    option(
        "urls",
        type=url,
        nargs="*",
        metavar="URL",
        help="metrics of a service (http://localhost:9464/metrics)",
    )
    parser.add_flag("--apart", "show each service separately instead of the sum")
    option("--sort", choices=SORT_NAMES, default="calls", help="the order to begin with (calls)")
    option(
        "--filter",
        default="",
        metavar="TEXT",
        help="show only operations with this text in their names",
    )
    parser.add_duration("--interval", "from one scrape to the next (2s)", default=2.0)
    parser.add_duration("--timeout", "how long a scrape may take (5s)", default=5.0)
    parser.add_flag("--once", "scrape twice, print the figures and exit")
    parser.add_flag("--json", "print JSON, one line after each scrape")
    parser.add_metric_prefix()


def _run(arguments: argparse.Namespace) -> None:
    from vitalspan.clock import SystemClock  # noqa: PLC0415 - other commands need none of these
    from vitalspan.top.instances import make_instances  # noqa: PLC0415
    from vitalspan.top.scrape_rounds import Rounds  # noqa: PLC0415
    from vitalspan.top.view import View  # noqa: PLC0415

    clock = SystemClock()
    instances = make_instances(
        arguments.urls,
        timeout=arguments.timeout,
        now=clock.now,
        metric_prefix=arguments.metric_prefix,
    )
    rounds = Rounds(instances, arguments.interval, clock)
    view = View(apart=arguments.apart, sort=arguments.sort, filter=arguments.filter)
    if arguments.json:
        from vitalspan.top.json_output import print_json  # noqa: PLC0415 - needs no Rich

        _check(print_json(rounds, view, time.sleep, once=arguments.once))
    else:
        _show(rounds, view, once=arguments.once)


def _show(rounds: Rounds, view: View, *, once: bool) -> None:
    try:
        from rich.console import Console  # noqa: PLC0415 - an extra

        from vitalspan.top.keyboard import Keyboard  # noqa: PLC0415
        from vitalspan.top.live_screen import print_once, run_live  # noqa: PLC0415
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.partition(".")[0] != "rich":
            raise
        raise MissingExtraError("vitalspan top", "top") from None
    if once:
        _check(print_once(rounds, view, time.sleep))
        return
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ConfigurationError("the screen needs a terminal: give --once or --json")
    # The terminal has to be restored, whatever ends the program.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: setattr(view, "ended", True))
    run_live(rounds, view, Keyboard(sys.stdin.fileno()), Console(highlight=False))


def _check(snapshot: Snapshot) -> None:
    """Report which services could not be scraped, and exit with 1 if there are any."""
    from vitalspan.top.terminal_text import safe  # noqa: PLC0415

    away = [one for one in snapshot.instances if one.error is not None]
    for one in away:
        print(f"vitalspan top: {safe(one.name)}: {safe(one.error or '')}", file=sys.stderr)
    if away:
        raise SystemExit(1)
