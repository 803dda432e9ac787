"""`vitalspan history export`: a period as CSV, JSON, Parquet or OpenMetrics."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitalspan.cli.command import add_command, add_metric_prefix, duration
from vitalspan.cli.history.store_argument import add_period, add_store, opened, period_of
from vitalspan.errors import VitalspanError

if TYPE_CHECKING:
    import argparse
    from contextlib import AbstractContextManager
    from typing import IO

    from vitalspan.cli.command import Commands
    from vitalspan.store.tiers import Tier

_FORMATS = ("csv", "json", "parquet", "openmetrics")


def add_to(commands: Commands[Any]) -> None:
    """Add the subcommand."""
    parser = add_command(
        commands,
        "export",
        "write a period as CSV, JSON, Parquet or OpenMetrics",
        _export,
        more="Of OpenMetrics, `promtool tsdb create-blocks-from openmetrics FILE DIR` makes blocks "
        "for Prometheus.",
    )
    add_store(parser)
    add_period(parser)
    parser.add_argument("--format", choices=_FORMATS, default="csv", help="csv by default")
    parser.add_argument(
        "--step",
        type=duration,
        metavar="DURATION",
        help="the length of an interval; by default the shortest that reaches so far back",
    )
    parser.add_argument("--to", metavar="FILE", help="the file; by default standard output")
    add_metric_prefix(parser)


def _export(arguments: argparse.Namespace) -> None:
    from vitalspan.store.export import openmetrics, parquet, rows  # noqa: PLC0415

    _, reader, tiers = opened(arguments)
    start, end, now = period_of(arguments)
    step = _step(arguments.step, tiers, now - start)
    selection = rows.Selection(step, start // step * step, end)
    if arguments.format == "parquet":
        if not arguments.to:
            raise VitalspanError("a Parquet file is not printed: give --to FILE")
        parquet.write_parquet(rows.operation_rows(reader, selection), Path(arguments.to))
        return
    with _output(arguments.to) as file:
        if arguments.format == "openmetrics":
            openmetrics.write_openmetrics(reader, selection, file, arguments.metric_prefix)
        elif arguments.format == "json":
            rows.write_json(rows.operation_rows(reader, selection), file)
        else:
            rows.write_csv(rows.operation_rows(reader, selection), file)


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
        raise VitalspanError(f"--step {duration_text(wanted)}: the store has {known}")
    return int(wanted)
