"""`vitalspan grafana check`."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from vitalspan.artifacts.audit.findings import Finding
    from vitalspan.artifacts.audit.server import Server

_LEAST: Final = 60.0
"""Seconds that a range has at least."""

_WORDS: Final = {
    "data": "ok",
    "on_purpose": "on purpose",
    "nothing": "NOTHING",
    "error": "ERROR",
}
_WIDTH: Final = max(map(len, _WORDS.values()))


def add_to(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the subcommand and its options to the command line of `vitalspan grafana`."""
    parser = commands.add_parser(
        "check",
        help="run every query of the dashboards and say which return nothing, and why",
        description="Run every query of every panel, variable and annotation on a Prometheus, and "
        "say which return nothing, and why. Exits with 1 if any returns nothing that should not.",
        allow_abbrev=False,
    )
    option = parser.add_argument
    option("url", metavar="URL", help="of the Prometheus, with user:password@ if it asks for them")
    option("--dashboards", metavar="DIR", help="their JSON; without it, those of vitalspan")
    option(
        "--metric-prefix",
        default="",
        metavar="P",
        help="what the processes put before the names of their metrics",
    )
    option(
        "--range",
        type=_range,
        default=3600.0,
        metavar="TIME",
        help="how long until now to look at (1h)",
    )
    option(
        "--var",
        type=_variable,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a variable's value, such as job=shop; given again for several",
    )
    option("--json", action="store_true", help="say it all as JSON")
    parser.set_defaults(run=_run, usage=parser.error)


def _run(arguments: argparse.Namespace) -> None:
    # Other commands need none of these.
    from vitalspan.artifacts.audit.filling import Span  # noqa: PLC0415
    from vitalspan.artifacts.audit.findings import Audit  # noqa: PLC0415
    from vitalspan.artifacts.audit.server import Server  # noqa: PLC0415
    from vitalspan.artifacts.grafana.empty import reason  # noqa: PLC0415

    if arguments.dashboards and arguments.metric_prefix:
        arguments.usage("--metric-prefix: the dashboards in DIR have theirs already")
    dashboards = _dashboards(arguments)
    chosen: dict[str, list[str]] = {}
    for name, value in arguments.var:
        chosen.setdefault(name, []).append(value)
    _refuse_unknown(arguments, chosen, dashboards)
    server = Server(arguments.url)
    end = server.now()
    span = Span(end - arguments.range, end, server.scrape_interval())
    findings = Audit(server, span, chosen, reason).findings(dashboards)
    found = _as_json(findings, server, span) if arguments.json else _as_text(findings)
    if any(finding.bad for finding in found):
        raise SystemExit(1)


def _dashboards(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    from vitalspan.artifacts.audit.sources import of_directory, of_texts  # noqa: PLC0415
    from vitalspan.artifacts.grafana.files import files  # noqa: PLC0415

    if arguments.dashboards:
        return of_directory(Path(arguments.dashboards))
    return of_texts(files(arguments.metric_prefix))


def _refuse_unknown(
    arguments: argparse.Namespace, chosen: Iterable[str], dashboards: list[dict[str, Any]]
) -> None:
    from vitalspan.artifacts.audit.questions import variables  # noqa: PLC0415

    known = {str(one.get("name")) for dashboard in dashboards for one in variables(dashboard)}
    unknown = [name for name in chosen if name not in known]
    if unknown:
        arguments.usage(
            f"--var: no dashboard has {unknown[0]}; there is {', '.join(sorted(known))}"
        )


def _as_text(findings: Iterable[Finding]) -> list[Finding]:
    found: list[Finding] = []
    before = None
    for finding in findings:
        question = finding.question
        if question.uid != before:
            print(f"{question.dashboard} ({question.uid})")
            before = question.uid
        detail = f": {finding.detail}" if finding.detail else ""
        print(f"  {_WORDS[finding.status]:{_WIDTH}}  {question.name}{detail}", flush=True)
        found.append(finding)
    print(_summary(found))
    return found


def _as_json(findings: Iterable[Finding], server: Server, span: Any) -> list[Finding]:
    found = list(findings)
    document = {
        "url": server.shown,
        "start": span.start,
        "end": span.end,
        "counts": dict.fromkeys(_WORDS, 0) | Counter(one.status for one in found),
        "queries": [
            {
                "uid": one.question.uid,
                "dashboard": one.question.dashboard,
                "kind": one.question.kind,
                "title": one.question.title,
                "ref": one.question.ref,
                "query": one.query,
                "status": one.status,
                "cause": one.cause,
                "detail": one.detail,
            }
            for one in found
        ],
    }
    json.dump(document, sys.stdout, indent=2)
    print()
    return found


def _summary(found: list[Finding]) -> str:
    counts = Counter(one.status for one in found)
    return (
        f"{len(found)} queries: {counts['data']} with data, {counts['on_purpose']} empty on "
        f"purpose, {counts['nothing']} with nothing, {counts['error']} refused"
    )


def _range(text: str) -> float:
    from vitalspan.signals.units import parse_duration  # noqa: PLC0415

    try:
        seconds = parse_duration(text)
    except ValueError as refused:
        raise argparse.ArgumentTypeError(str(refused)) from None
    if seconds < _LEAST:
        raise argparse.ArgumentTypeError(f"{text!r} is less than {_LEAST:g}s")
    return seconds


def _variable(text: str) -> tuple[str, str]:
    name, is_given, value = text.partition("=")
    if not is_given or not name or not value:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE, such as job=shop")
    return name, value
