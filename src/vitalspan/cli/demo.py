"""`vitalspan demo`."""

from __future__ import annotations

import argparse
import math
from functools import partial
from typing import Any

MAX_RATE = 1000.0
MIN_TICK = 0.1
MAX_TICK = 3600.0


def add_to(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand and its options to the command line."""
    parser = commands.add_parser(
        "demo",
        help="run a small shop under its own load and serve its /metrics",
        description="Run a small shop under its own load and serve its /metrics. "
        "What goes wrong changes from phase to phase.",
        allow_abbrev=False,
    )
    option = parser.add_argument
    option(
        "--port", type=_port, default=9464, help="port of /metrics; 0 is any free one (%(default)s)"
    )
    option("--addr", default="127.0.0.1", help="address to listen on (%(default)s)")
    option(
        "--rate",
        type=_rate,
        default=20.0,
        metavar="N",
        help="visits a second, up to 1000 (%(default)g)",
    )
    option(
        "--duration",
        type=_positive,
        metavar="SECONDS",
        help="end after so long; without it, Ctrl-C does",
    )
    option("--seed", type=int, default=1, metavar="N", help="which visitors come (%(default)s)")
    option(
        "--phase-seconds",
        type=_positive,
        default=30.0,
        metavar="SECONDS",
        help="how long each phase lasts (%(default)g)",
    )
    option("--rules", metavar="FILE", help="rule file; without it, the demo's own")
    option(
        "--tick",
        type=_tick,
        default=2.0,
        metavar="SECONDS",
        help="how often the rules are evaluated (%(default)g)",
    )
    option("--alertmanager", default="", metavar="URL", help="Alertmanagers to tell, with commas")
    option("--webhook", default="", metavar="URL", help="webhook to tell")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    # The shop brings a default monitor into being; other commands need none.
    from vitalspan.demo.run import Options, run  # noqa: PLC0415

    chosen = {field: getattr(arguments, field) for field in Options._fields}
    run(Options(**chosen), partial(print, flush=True))


def _port(text: str) -> int:
    port = int(text) if text.isdecimal() else -1
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to 65535")
    return port


def _rate(text: str) -> float:
    rate = _positive(text)
    if rate > MAX_RATE:
        raise argparse.ArgumentTypeError(f"{text!r} is above {MAX_RATE:g} visits a second")
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
