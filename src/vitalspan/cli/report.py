"""The `vitalspan report` command: a report on a running service."""

from __future__ import annotations

import argparse
from typing import Final

from vitalspan.cli.command import Commands, add_command, url

_FORMATS: Final = ("txt", "md", "html")


def add_to(commands: Commands) -> None:
    """Add the command and its options."""
    summary = "print a report on a running service"
    more = "The report is made from the JSON API of the service's page."
    parser = add_command(commands, "report", summary, _run, more)
    option = parser.add_argument
    option("url", type=url, metavar="URL", help="the service's page, such as http://localhost:9464")
    option("--format", choices=_FORMATS, default="txt", help="text, Markdown or HTML (txt)")
    parser.add_duration(
        "--range",
        "how far back the figures of operations look (1h)",
        default=3600.0,
    )
    parser.add_duration("--timeout", "how long a request may take (10s)", default=10.0)


def _run(arguments: argparse.Namespace) -> None:
    # Imported here, because other commands do not need them.
    from vitalspan.reports.html_format import as_html  # noqa: PLC0415
    from vitalspan.reports.markdown_format import as_markdown  # noqa: PLC0415
    from vitalspan.reports.text_format import as_text  # noqa: PLC0415
    from vitalspan.top.instances import host_of, metrics_url  # noqa: PLC0415
    from vitalspan.top.service_report import ServiceApi, service_report  # noqa: PLC0415

    api = ServiceApi(arguments.url, timeout=arguments.timeout)
    name = host_of(metrics_url(arguments.url))
    document = service_report(api, name, arguments.range)
    write = {"txt": as_text, "md": as_markdown, "html": as_html}[arguments.format]
    print(write(document), end="")
