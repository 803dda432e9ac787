"""The `vitalspan grafana check` command."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vitalspan.cli.command import Commands, add_command, duration, url

if TYPE_CHECKING:
    from vitalspan.artifacts.dashboard_check.check import Finding
    from vitalspan.artifacts.dashboard_check.prometheus_api import PrometheusApi
    from vitalspan.artifacts.dashboard_check.sources import SkippedFile
    from vitalspan.artifacts.dashboard_check.variable_values import VariableRange

_MIN_RANGE: Final = 60.0
"""The minimum range in seconds."""

_WORDS: Final = {
    "data": "ok",
    "on_purpose": "on purpose",
    "nothing": "NOTHING",
    "error": "ERROR",
}
_WIDTH: Final = max(map(len, _WORDS.values()))


def add_to(commands: Commands) -> None:
    """Add the command and its options."""
    summary = (
        "run the queries of the dashboards on a Prometheus, and say which return nothing, and why"
    )
    more = "Exits with 1 if a query returns nothing that should return something."
    parser = add_command(commands, "check", summary, _run, more)
    option = parser.add_argument
    option(
        "url",
        type=url,
        metavar="URL",
        help="the URL of Prometheus; with user:password@ if it needs a password",
    )
    option("--dashboards", metavar="DIR", help="dashboards as JSON (those of vitalspan)")
    parser.add_metric_prefix()
    parser.add_classic_histograms()
    option(
        "--range",
        type=_range,
        default="1h",
        help="how far back from now the queries look (%(default)s)",
    )
    value = "the value of a variable, such as job=shop; may be repeated"
    parser.add_repeated("--var", "NAME=VALUE", value, _variable)
    empty = (
        "what may return nothing: a panel, a variable, an annotation or a dashboard by its "
        "title, or DASHBOARD/PANEL; may be repeated"
    )
    parser.add_repeated("--allow-empty", "PANEL", empty)
    name = "a name or uid of this Prometheus in Grafana, to refuse all others; may be repeated"
    parser.add_repeated("--datasource", "NAME", name)
    parser.add_flag("--json", "print everything as JSON")
    parser.set_defaults(usage=parser.error)


def _run(arguments: argparse.Namespace) -> None:
    # Imported here, because other commands do not need dashboards.
    from vitalspan.artifacts.dashboard_check.check import DashboardCheck  # noqa: PLC0415
    from vitalspan.artifacts.dashboard_check.expected_empty import ExpectedEmpty  # noqa: PLC0415
    from vitalspan.artifacts.dashboard_check.prometheus_api import PrometheusApi  # noqa: PLC0415
    from vitalspan.artifacts.dashboard_check.variable_values import VariableRange  # noqa: PLC0415

    if arguments.dashboards and arguments.metric_prefix:
        arguments.usage("--metric-prefix: leave it out, since the dashboards in DIR have theirs")
    dashboards, skipped = _dashboards(arguments)
    values: dict[str, list[str]] = {}
    for name, value in arguments.var:
        values.setdefault(name, []).append(value)
    _refuse_unknown(arguments, values, dashboards)
    server = PrometheusApi(arguments.url)
    end = server.now()
    period = VariableRange(end - arguments.range, end, server.scrape_interval())
    excuse = ExpectedEmpty(arguments.allow_empty).reason
    check = DashboardCheck(server, period, values, excuse, arguments.datasource)
    findings = check.findings(dashboards)
    printed = (
        _print_json(findings, skipped, server, period)
        if arguments.json
        else _print_text(findings, skipped)
    )
    if any(one.bad for one in printed) or any(one.bad for one in skipped):
        raise SystemExit(1)


def _dashboards(arguments: argparse.Namespace) -> tuple[list[dict[str, Any]], list[SkippedFile]]:
    from vitalspan.artifacts.dashboard_check.sources import (  # noqa: PLC0415
        dashboards_of_directory,
        dashboards_of_texts,
    )
    from vitalspan.artifacts.grafana.dashboard_files import files  # noqa: PLC0415

    if arguments.dashboards:
        return dashboards_of_directory(Path(arguments.dashboards))
    return dashboards_of_texts(
        files(arguments.metric_prefix, native_histograms=not arguments.classic_histograms)
    )


def _refuse_unknown(
    arguments: argparse.Namespace, chosen: Iterable[str], dashboards: list[dict[str, Any]]
) -> None:
    """Refuse names that no dashboard has, because they would have no effect."""
    from vitalspan.artifacts.dashboard_check.expected_empty import names_of  # noqa: PLC0415
    from vitalspan.artifacts.dashboard_check.panel_queries import (  # noqa: PLC0415
        import_inputs,
        queries_of,
        variables_by_name,
    )

    variables = {
        name for one in dashboards for name in (*variables_by_name(one), *import_inputs(one))
    }
    for name in chosen:
        if name not in variables:
            arguments.usage(
                f"--var: no dashboard has a variable {name}; there are "
                f"{', '.join(sorted(variables))}"
            )
    names = {name for one in dashboards for query in queries_of(one) for name in names_of(query)}
    for name in arguments.allow_empty:
        if name not in names:
            arguments.usage(
                f"--allow-empty: no panel, variable, annotation or dashboard is called {name}"
            )


def _print_text(findings: Iterable[Finding], skipped: list[SkippedFile]) -> list[Finding]:
    printed: list[Finding] = []
    dashboard = None
    for file in skipped:
        print(f"{_WORDS['error'] if file.bad else 'skipped'}  {file.path}: {file.reason}")
    for finding in findings:
        query = finding.query
        if (query.uid, query.dashboard) != dashboard:
            print(f"{query.dashboard} ({query.uid})")
            dashboard = query.uid, query.dashboard
        detail = f": {finding.detail}" if finding.detail else ""
        print(f"  {_WORDS[finding.status]:{_WIDTH}}  {query.name}{detail}", flush=True)
        printed.append(finding)
    print(_summary(printed))
    return printed


def _print_json(
    findings: Iterable[Finding],
    skipped: list[SkippedFile],
    server: PrometheusApi,
    period: VariableRange,
) -> list[Finding]:
    printed = list(findings)
    document = {
        "url": server.shown,
        "start": period.start,
        "end": period.end,
        "counts": dict.fromkeys(_WORDS, 0) | Counter(one.status for one in printed),
        "skipped": [one._asdict() for one in skipped],
        "queries": [
            {
                "uid": one.query.uid,
                "dashboard": one.query.dashboard,
                "kind": one.query.kind,
                "title": one.query.title,
                "ref": one.query.ref,
                "query": one.text,
                "status": one.status,
                "cause": one.cause,
                "detail": one.detail,
            }
            for one in printed
        ],
    }
    json.dump(document, sys.stdout, indent=2)
    print()
    return printed


def _summary(findings: list[Finding]) -> str:
    counts = Counter(one.status for one in findings)
    return (
        f"{len(findings)} queries: {counts['data']} with data, {counts['on_purpose']} empty on "
        f"purpose, {counts['nothing']} with no data, {counts['error']} refused"
    )


def _range(text: str) -> float:
    seconds = duration(text)
    if seconds < _MIN_RANGE:
        raise argparse.ArgumentTypeError(f"{text!r} is less than {_MIN_RANGE:g}s")
    return seconds


def _variable(text: str) -> tuple[str, str]:
    name, is_given, value = text.partition("=")
    if not is_given or not name or not value:
        raise argparse.ArgumentTypeError(f"{text!r:.80} is not NAME=VALUE, such as job=shop")
    return name, value
