"""The common arguments of the history commands: the store, and the period."""

from __future__ import annotations

import argparse
import os
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from vitalspan.cli.command import Parser
from vitalspan.errors import VitalspanError

if TYPE_CHECKING:
    from vitalspan.store.prometheus.reader import PrometheusReader
    from vitalspan.store.protocol import Store
    from vitalspan.store.reader import StoreReader
    from vitalspan.store.tiers import Tier


class OpenedStore(NamedTuple):
    """An opened store, and its reader."""

    store: Store
    reader: StoreReader
    tiers: tuple[Tier, ...]


def add_store(parser: Parser) -> None:
    """Add the argument for the store."""
    parser.add_argument(
        "store",
        nargs="?",
        metavar="URL",
        help="the store, as in configure(store=...), or a Prometheus as in configure(history=...); "
        "by default $VITALSPAN_STORE or $VITALSPAN_HISTORY",
    )


def add_period(parser: Parser) -> None:
    """Add the arguments for the period."""
    parser.add_duration("--last", "the length of the period, 24h by default", default=86_400.0)
    parser.add_duration("--ago", "how long ago the period ended, 0 by default", default=0.0)


def opened_server(arguments: argparse.Namespace, prefix: str = "") -> PrometheusReader | None:
    """Return the reader of the Prometheus in the arguments; None if they name a store.

    Args:
        arguments: the arguments of the command.
        prefix: the prefix of the metric names.

    Raises:
        VitalspanError: for an invalid URL.
    """
    url = arguments.store or ""
    if not url and not os.environ.get("VITALSPAN_STORE", "").strip():
        url = os.environ.get("VITALSPAN_HISTORY", "").strip()
    if not url.startswith("prometheus+"):
        return None
    from vitalspan.store.prometheus.reader import PrometheusReader  # noqa: PLC0415

    return PrometheusReader(url, prefix)


def print_warnings(server: PrometheusReader) -> None:
    """Print the warnings of a server."""
    for warning in server.warnings:
        print(f"{server.name} warns: {warning}", file=sys.stderr)


def store_url(text: str | None) -> str:
    """Return the URL of the store in an argument, which may be just a file name.

    Raises:
        VitalspanError: without the argument and the variable.
    """
    url = text or os.environ.get("VITALSPAN_STORE", "").strip()
    if not url:
        raise VitalspanError("no store is given: use --store URL, or set VITALSPAN_STORE")
    return url if "://" in url else f"sqlite:///{url}"


def opened(arguments: argparse.Namespace) -> OpenedStore:
    """Return the store in the arguments, which may be just a file name.

    Raises:
        VitalspanError: without a store, or if it cannot be read.
    """
    from vitalspan.store.open_store import open_store  # noqa: PLC0415 - --help needs none of it
    from vitalspan.store.reader import StoreReader, stored_tiers  # noqa: PLC0415

    store = open_store(store_url(arguments.store), read_only=True)
    store.open()
    tiers = stored_tiers(store)
    return OpenedStore(store, StoreReader(store, tiers), tiers)


def period_of(arguments: argparse.Namespace) -> tuple[float, float, float]:
    """Return the start and end of the period in the arguments, and the current time."""
    now = time.time()
    end = now - arguments.ago
    return end - arguments.last, end, now


def date_text(moment: float) -> str:
    """Return a time, in seconds since the Unix epoch, for people: in UTC, to the second."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S")
