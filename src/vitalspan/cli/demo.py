"""The `vitalspan demo` command."""

from __future__ import annotations

import argparse
import math
from functools import partial

from vitalspan.cli.command import Commands, Parser, add_command, url

MAX_RATE = 1000.0
MIN_TICK = 0.1
MAX_TICK = 3600.0


def add_to(commands: Commands) -> None:
    """Add the command and its options."""
    summary = "run a small shop with traffic of its own, and serve its /metrics"
    more = "The shop goes through phases. Each of them has a different problem."
    parser = add_command(commands, "demo", summary, _run, more)
    _add_serving(parser)
    _add_traffic(parser)
    _add_alerting(parser)


def _add_serving(parser: Parser) -> None:
    option = parser.add_argument
    option(
        "--port",
        type=_port,
        default=9464,
        help="the port of /metrics; 0 for any free one (%(default)s)",
    )
    option("--addr", default="127.0.0.1", help="the address to listen on (%(default)s)")


def _add_traffic(parser: Parser) -> None:
    option = parser.add_argument
    option(
        "--rate",
        type=_rate,
        default=20.0,
        metavar="N",
        help="visits per second, up to 1000 (%(default)g)",
    )
    option(
        "--duration",
        type=_positive,
        metavar="SECONDS",
        help="how long to run (until Ctrl-C)",
    )
    option(
        "--seed",
        type=int,
        default=1,
        metavar="N",
        help="the seed of the visitors' random choices (%(default)s)",
    )
    option(
        "--phase-seconds",
        type=_positive,
        default=30.0,
        metavar="SECONDS",
        help="how long each phase lasts (%(default)g)",
    )


def _add_alerting(parser: Parser) -> None:
    option = parser.add_argument
    option("--rules", metavar="FILE", help="a rule file instead of the demo's own")
    option(
        "--tick",
        type=_tick,
        default=2.0,
        metavar="SECONDS",
        help="how often the rules are evaluated (%(default)g)",
    )
    option(
        "--alertmanager",
        type=_urls,
        default="",
        metavar="URL",
        help="Alertmanagers that alerts are sent to, separated by commas",
    )
    option(
        "--webhook",
        type=url,
        default="",
        metavar="URL",
        help="a webhook that alerts are sent to",
    )


def _urls(text: str) -> str:
    return ",".join(url(one.strip()) for one in text.split(","))


def _run(arguments: argparse.Namespace) -> None:
    # Imported here, because the shop creates a default monitor, which other commands do not need.
    from vitalspan.demo.run import Options, run  # noqa: PLC0415

    fields = {field: getattr(arguments, field) for field in Options._fields}
    run(Options(**fields), partial(print, flush=True))


def _port(text: str) -> int:
    port = int(text) if text.isdecimal() else -1
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r:.80} is not a port from 0 to 65535")
    return port


def _rate(text: str) -> float:
    rate = _positive(text)
    if rate > MAX_RATE:
        raise argparse.ArgumentTypeError(f"{text!r} is above {MAX_RATE:g} visits per second")
    return rate


def _tick(text: str) -> float:
    seconds = _positive(text)
    if not MIN_TICK <= seconds <= MAX_TICK:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not from {MIN_TICK:g} to {MAX_TICK:g} seconds"
        )
    return seconds


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return number
