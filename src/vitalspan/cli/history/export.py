"""`vitalspan history export`: a period as CSV, JSON, Parquet or OpenMetrics."""

from __future__ import annotations

import argparse
import math
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitalspan.cli.command import Commands, add_command
from vitalspan.cli.history.store_argument import (
    add_period,
    add_store,
    opened,
    opened_server,
    period_of,
    print_warnings,
)
from vitalspan.errors import VitalspanError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager
    from typing import IO

    from vitalspan.store.prometheus.reader import PrometheusReader
    from vitalspan.store.tiers import Tier

_FORMATS = ("csv", "json", "parquet", "openmetrics")


def add_to(commands: Commands) -> None:
    """Add the subcommand."""
    parser = add_command(
        commands,
        "export",
        "write a period as CSV, JSON, Parquet or OpenMetrics",
        _export,
        more="From OpenMetrics, `promtool tsdb create-blocks-from openmetrics FILE DIR` makes "
        "blocks for Prometheus.",
    )
    add_store(parser)
    add_period(parser)
    parser.add_argument("--format", choices=_FORMATS, default="csv", help="csv by default")
    parser.add_duration(
        "--step",
        "the length of an interval; by default the shortest that the store has for the period",
    )
    parser.add_argument("--to", metavar="FILE", help="the file; by default standard output")
    parser.add_metric_prefix()


def _export(arguments: argparse.Namespace) -> None:
    from vitalspan.store.export import openmetrics, rows  # noqa: PLC0415

    server = opened_server(arguments, arguments.metric_prefix)
    if server is not None:
        _export_server(arguments, server)
        return
    _, reader, tiers = opened(arguments)
    start, end, now = period_of(arguments)
    step = _step(arguments.step, tiers, now - start)
    selection = rows.Selection(step, start // step * step, end)
    if arguments.format == "openmetrics":
        with _output(arguments.to) as file:
            openmetrics.write_openmetrics(reader, selection, file, arguments.metric_prefix)
        return
    points = reader.points(*selection, lambda series: series.kind == "operation")
    _write(arguments, rows.operation_rows(points, step))


def _export_server(arguments: argparse.Namespace, server: PrometheusReader) -> None:
    from vitalspan.statistics.timeline import slot_width  # noqa: PLC0415 - --help needs none of it
    from vitalspan.store.export.rows import operation_rows  # noqa: PLC0415

    if arguments.format == "openmetrics":
        raise VitalspanError(
            "openmetrics is only for stores, because Prometheus has its "
            "series already: use csv, json or parquet"
        )
    start, end, _ = period_of(arguments)
    step = math.ceil(arguments.step or max(slot_width(end - start), 4 * server.scrape_interval))
    points = server.points(step, start // step * step, end)
    _write(arguments, operation_rows(points, step))
    print_warnings(server)


def _write(arguments: argparse.Namespace, table: Iterable[dict[str, Any]]) -> None:
    from vitalspan.store.export import parquet, rows  # noqa: PLC0415

    if arguments.format == "parquet":
        if not arguments.to:
            raise VitalspanError("Parquet cannot be printed: give --to FILE")
        parquet.write_parquet(table, Path(arguments.to))
        return
    with _output(arguments.to) as file:
        if arguments.format == "json":
            rows.write_json(table, file)
        else:
            rows.write_csv(table, file)


def _output(path: str | None) -> AbstractContextManager[IO[str]]:
    if path is None:
        return nullcontext(sys.stdout)
    return Path(path).open("w", encoding="utf-8", newline="")


def _step(wanted: float | None, tiers: tuple[Tier, ...], age: float) -> int:
    from vitalspan.units import duration_text  # noqa: PLC0415

    lengths = [tier.step for tier in tiers]
    if wanted is None:
        return next((tier.step for tier in tiers if age <= tier.age), lengths[-1])
    if wanted not in lengths:
        known = ", ".join(map(duration_text, lengths))
        raise VitalspanError(
            f"--step {duration_text(wanted)} is not in the store: use one of {known}"
        )
    return int(wanted)
