"""`vitalspan history list`: the content of a store."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from typing import TYPE_CHECKING

from vitalspan.cli.command import Commands, add_command
from vitalspan.cli.history.store_argument import (
    add_store,
    date_text,
    opened,
    opened_server,
    print_warnings,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vitalspan.cli.history.store_argument import OpenedStore
    from vitalspan.store.prometheus.reader import PrometheusReader

_MOST: int = 1_000_000

_LONGEST: int = 31 * 86400
"""Seconds in which the beginning of a server's history is searched."""


def add_to(commands: Commands) -> None:
    """Add the subcommand."""
    parser = add_command(commands, "list", "show how far a store reaches, and what is in it", _list)
    add_store(parser)
    parser.add_flag("--alerts", "list the past alerts as well")


def _list(arguments: argparse.Namespace) -> None:
    server = opened_server(arguments)
    if server is not None:
        print(*_lines_of_server(server), sep="\n")
        print_warnings(server)
        return
    found = opened(arguments)
    print(*_lines(found), sep="\n")
    if arguments.alerts:
        for record in found.store.records("alert", 0.0, float("inf"), _MOST):
            alert = record.document
            state = f"{alert['state']:>8}  {alert['severity']:>8}"
            print(f"{date_text(record.at)}  {state}  {alert['alertname']}: {alert['message']}")


def _lines_of_server(server: PrometheusReader) -> Iterator[str]:
    now = time.time()
    first = server.first(now - _LONGEST, now)
    yield server.name
    if first >= now:
        yield f"there are no operations in the last {_LONGEST // 86400} days"
        return
    yield f"from about {date_text(first)} to {date_text(now)} UTC"
    yield f"{server.operations(now - 3600, now)} operations in the last hour"


def _lines(found: OpenedStore) -> Iterator[str]:
    from vitalspan.units import BYTES, duration_text, value_text  # noqa: PLC0415

    store, reader, tiers = found
    span = reader.span()
    yield store.name
    if span is None:
        yield "there is no history in it yet"
        return
    size = value_text(store.size(), BYTES)
    yield f"from {date_text(span[0])} to {date_text(span[1])} UTC, {size}"
    kinds = Counter(series.kind for series in reader.series())
    yield "series: " + ", ".join(f"{count} of kind {kind}" for kind, count in sorted(kinds.items()))
    for tier in tiers:
        own = store.span(tier.step)
        reach = "nothing yet" if own is None else f"{date_text(own[0])} to {date_text(own[1])}"
        age = duration_text(tier.age)
        yield f"frames of {duration_text(tier.step):>4}, kept for {age:>4}: {reach}"
    for kind in ("alert", "session", "health", "start", "mark"):
        count = len(store.records(kind, 0.0, float("inf"), _MOST))
        if count:
            yield f"records of kind {kind}: {count}"
