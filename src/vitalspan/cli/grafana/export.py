"""The `vitalspan grafana export` command."""

from __future__ import annotations

import argparse

from vitalspan.cli.command import Commands, add_command, export_files


def add_to(commands: Commands) -> None:
    """Add the command and its options."""
    summary = "write the dashboards as JSON, to import into Grafana or to provision it"
    parser = add_command(commands, "export", summary, _run)
    parser.add_directory()
    parser.add_metric_prefix()
    parser.add_classic_histograms()
    parser.add_argument(
        "--datasource",
        default="prometheus",
        metavar="UID",
        help="the Prometheus data source that is selected at first (%(default)s)",
    )


def _run(arguments: argparse.Namespace) -> None:
    from vitalspan.artifacts.grafana.dashboard_files import files, left_over  # noqa: PLC0415

    # Other dashboards in the directory may be somebody's own by now, so they are not removed.
    dashboards = files(
        arguments.metric_prefix,
        arguments.datasource,
        native_histograms=not arguments.classic_histograms,
    )
    export_files(arguments, dashboards, left_over, remove=False)
