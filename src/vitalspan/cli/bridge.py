"""The `vitalspan bridge` command: metrics of other processes, pushed to an OTLP receiver."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vitalspan.cli.command import Commands, add_command, url
from vitalspan.errors import ConfigurationError, VitalspanError
from vitalspan.words import counted

if TYPE_CHECKING:
    from vitalspan.bridge.otlp.settings import OtlpSettings

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_STDIN: Final = "-"


def add_to(commands: Commands) -> None:
    """Add the command and its options."""
    summary = "scrape processes and push their metrics to an OpenTelemetry receiver"
    more = (
        "The OTEL_EXPORTER_OTLP_* variables configure the export; options take precedence"
        " over them. With --once and without --otlp, what would be sent is printed."
    )
    parser = add_command(commands, "bridge", summary, _run, more)
    option = parser.add_argument
    option(
        "--scrape",
        type=url,
        nargs="+",
        action="extend",
        default=[],
        metavar="URL",
        help="the URLs of the metrics, such as http://localhost:9464/metrics",
    )
    option(
        "--file", metavar="FILE", help="read the metrics from a file instead; - is standard input"
    )
    option("--otlp", metavar="ENDPOINT", help="the receiver, such as http://localhost:4318")
    option(
        "--protocol",
        choices=("http/protobuf", "grpc"),
        help="the protocol that the receiver speaks (http/protobuf)",
    )
    option("--service", metavar="NAME", help="the service.name of the targets")
    parser.add_duration("--interval", "how often to scrape (OTEL_METRIC_EXPORT_INTERVAL, or 1m)")
    parser.add_duration("--timeout", "how long a scrape may take (10s)", default=10.0)
    parser.add_flag("--once", "scrape and push once; without --otlp, print what would be sent")


def _run(arguments: argparse.Namespace) -> None:
    if bool(arguments.scrape) == bool(arguments.file):
        raise ConfigurationError("give either targets with --scrape, or a file with --file")
    if arguments.file and not arguments.once:
        raise ConfigurationError("a file is only read once: add --once")
    if arguments.once and arguments.otlp is None:
        _print_preview(arguments)
        return
    if arguments.otlp is None and not any(os.environ.get(name) for name in _ENDPOINTS):
        raise ConfigurationError(
            "give the receiver with --otlp, or use --once to print what would be sent"
        )
    _bridge(arguments)


def _print_preview(arguments: argparse.Namespace) -> None:
    from vitalspan.bridge.otlp.preview import preview  # noqa: PLC0415 - other commands need none
    from vitalspan.clock import SystemClock  # noqa: PLC0415

    time = round(SystemClock().wall() * 1e9)
    failed = False
    for target in _targets(arguments):
        target.scrape()
        reading = target.read(time)
        print(*preview(reading.batch, reading.resource, time), sep="\n")
        if reading.left_out:
            print(
                f"left out: {counted(reading.left_out, 'metric')} "
                "without a counterpart in OpenTelemetry"
            )
        if target.error is not None:
            failed = True
            print(f"{target.shown}: {target.error}", file=sys.stderr)
    if failed:
        raise SystemExit(1)


def _bridge(arguments: argparse.Namespace) -> None:
    from vitalspan.bridge.otlp.settings import OtlpSettings  # noqa: PLC0415 - see above
    from vitalspan.bridge.scrape.bridge import Bridge  # noqa: PLC0415

    settings = OtlpSettings.from_environment(endpoint=arguments.otlp, protocol=arguments.protocol)
    bridge = Bridge(_targets(arguments), settings, _say)
    if arguments.once:
        if not bridge.run_once():
            raise SystemExit(1)
        return
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    _say(f"pushing to {settings.target.shown}; Ctrl-C stops")
    bridge.run(_interval(arguments, settings), stop)


def _interval(arguments: argparse.Namespace, settings: OtlpSettings) -> float:
    return settings.interval if arguments.interval is None else float(arguments.interval)


def _targets(arguments: argparse.Namespace) -> list[Any]:
    from vitalspan.bridge.scrape.exposition_file import ExpositionFile  # noqa: PLC0415
    from vitalspan.bridge.scrape.scrape_target import ACCEPT_PROTOBUF, ScrapeTarget  # noqa: PLC0415

    if arguments.file:
        return [ExpositionFile(arguments.file, _text(arguments.file), arguments.service)]
    return [
        ScrapeTarget(
            target,
            service=arguments.service,
            timeout=arguments.timeout,
            accept=ACCEPT_PROTOBUF,
        )
        for target in arguments.scrape
    ]


def _text(file: str) -> str:
    try:
        return sys.stdin.read() if file == _STDIN else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as refused:
        why = getattr(refused, "strerror", None) or "it is not UTF-8"
        raise VitalspanError(f"{file}: {why}") from None


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
