"""`vitalspan job`: runs commands as batch jobs, and removes jobs."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from vitalspan.cli.command import Commands, Parser, add_command, url
from vitalspan.errors import ConfigurationError, VitalspanError

if TYPE_CHECKING:
    from vitalspan.jobs.job import Job
    from vitalspan.jobs.sink import Sink

_SINKS = "Without a sink, the VITALSPAN_JOB_* variables set the sinks."


def add_to(commands: Commands) -> None:
    """Add the command and its subcommands."""
    parser = add_command(commands, "job", "run commands as monitored batch jobs")
    subcommands = parser.add_subcommands()
    _add_run(subcommands)
    _add_forget(subcommands)


def _add_run(commands: Commands) -> None:
    run = add_command(
        commands,
        "run",
        "run a command, and report how it started and ended",
        _run,
        "The exit status is the command's, also if no report can be sent. " + _SINKS,
    )
    run.usage = "%(prog)s [options] NAME -- COMMAND [ARGUMENT ...]"
    _add_job(run)
    run.add_duration("--every", "how often the job should succeed, such as 24h")
    run.add_duration("--grace", "how late a success may be (a tenth of --every, at least 1m)")
    run.add_duration("--within", "how long a run may take (the time of --every)")
    run.add_flag("--trace", "make a span of the run, and export it by OTLP")


def _add_forget(commands: Commands) -> None:
    forget = add_command(
        commands,
        "forget",
        "remove the stored metrics of a job that will not run again",
        _forget,
        _SINKS,
    )
    _add_job(forget)


def _add_job(parser: Parser) -> None:
    option = parser.add_argument
    option("name", metavar="NAME", help="the name of the job")
    option(
        "--pushgateway",
        type=url,
        metavar="URL",
        help="a Pushgateway, such as http://localhost:9091",
    )
    label = "a label of the group in the Pushgateway, beside job"
    parser.add_repeated("--label", "NAME=VALUE", label)
    option("--textfile", metavar="DIR", help="the directory of the node exporter's textfiles")
    option("--ping", type=url, metavar="URL", help="a ping URL, such as those of Healthchecks")
    option(
        "--otlp",
        nargs="?",
        const="",
        metavar="ENDPOINT",
        help="an OpenTelemetry receiver; without ENDPOINT that of the OTEL_* variables",
    )


def _run(arguments: argparse.Namespace) -> None:
    if not arguments.command_line:
        raise ConfigurationError("give the command after two dashes: NAME -- COMMAND")
    from vitalspan.jobs.command import exit_like, run_command  # noqa: PLC0415 - see below

    if arguments.trace:
        from vitalspan.bridge import tracer_provider  # noqa: PLC0415 - few want it

        tracer_provider.set_up("otlp")
    exit_like(run_command(_job(arguments), arguments.command_line))


def _forget(arguments: argparse.Namespace) -> None:
    job = _job(arguments)
    if not job.sinks:
        raise ConfigurationError(
            "give a sink that stores metrics of the job, such as --pushgateway or --textfile"
        )
    try:
        job.forget()
    except Exception as problem:  # noqa: BLE001 - whatever a sink raises
        raise VitalspanError(f"{job.name} could not be removed: {problem}") from None
    for sink in job.sinks:
        print(f"{sink.shown}: removed {job.name}")


def _job(arguments: argparse.Namespace) -> Job:
    # Imported here, because other commands do not need prometheus_client.
    from prometheus_client import CollectorRegistry  # noqa: PLC0415

    from vitalspan.environment_settings import from_environment  # noqa: PLC0415
    from vitalspan.jobs.job import Job  # noqa: PLC0415
    from vitalspan.monitor import Monitor  # noqa: PLC0415

    # Settings of services, such as the directory of workers, do not apply to this process.
    prefix = from_environment().get("metric_prefix", "")
    monitor = Monitor(registry=CollectorRegistry(), metric_prefix=prefix, system_metrics=False)
    limits = {name: getattr(arguments, name, None) for name in ("every", "grace", "within")}
    return Job(arguments.name, sinks=_sinks(arguments) or None, monitor=monitor, **limits)


def _sinks(arguments: argparse.Namespace) -> list[Sink]:
    from vitalspan.jobs import Otlp, Ping, Pushgateway, Textfile  # noqa: PLC0415 - see above

    sinks: list[Sink] = []
    if arguments.pushgateway:
        sinks.append(Pushgateway(arguments.pushgateway, labels=_labels(arguments.label)))
    elif arguments.label:
        raise ConfigurationError("--label is for a Pushgateway: add --pushgateway")
    if arguments.textfile:
        sinks.append(Textfile(arguments.textfile))
    if arguments.ping:
        sinks.append(Ping(arguments.ping))
    if arguments.otlp is not None:
        sinks.append(Otlp(arguments.otlp or None))
    return sinks


def _labels(pairs: list[str]) -> dict[str, str]:
    labels = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise ConfigurationError(f"--label {pair!r:.80}: use NAME=VALUE")
        labels[name] = value
    return labels
