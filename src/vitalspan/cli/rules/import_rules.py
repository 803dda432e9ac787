"""The `vitalspan rules import` command."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from vitalspan.cli.command import Commands, add_command


def add_to(commands: Commands) -> None:
    """Add the command and its options."""
    summary = "check which rules of Prometheus run in the process, or turn SLOs into a rule file"
    parser = add_command(
        commands,
        "import",
        summary,
        _run,
        "For a rule file of Prometheus, prints for each rule whether it runs in the process, and "
        "if not, why. If all of them run, the file can be loaded as it is; --to writes those that "
        "run. SLOs of sloth and OpenSLO are printed as a rule file, or written to --to; what a "
        "rule file cannot express is reported with its place and the reason. Exits with 1 if "
        "something is left out, or if nothing can be imported.",
    )
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="a rule file of Prometheus, or a file of prometheus/v1 or openslo/v1",
    )
    parser.add_argument(
        "--to", metavar="FILE", help="the rule file to write, which must not exist yet"
    )


def _run(arguments: argparse.Namespace) -> None:
    if _are_rule_files(arguments.files):
        _import_rules(arguments)
    else:
        _import_slos(arguments)


def _are_rule_files(files: list[str]) -> bool:
    # Imported here, because other commands need neither PromQL nor YAML.
    from vitalspan.configfile.load import load_documents  # noqa: PLC0415
    from vitalspan.configfile.report import Report  # noqa: PLC0415
    from vitalspan.importers.prometheus_rules import is_rule_file  # noqa: PLC0415

    documents = load_documents(files[0], Report(files[0]), "rule file", "promql")
    return any(is_rule_file(document) for document in documents)


def _import_rules(arguments: argparse.Namespace) -> None:
    from vitalspan.importers.prometheus_rules import import_rules, rules_section  # noqa: PLC0415

    imported = import_rules(arguments.files)
    print(*imported.lines, imported.summary, sep="\n")
    if arguments.to is not None and imported.runs:
        _write(Path(arguments.to), lambda: rules_section(imported, arguments.files))
    if imported.left_out or not imported.runs:
        raise SystemExit(1)


def _import_slos(arguments: argparse.Namespace) -> None:
    from vitalspan.importers.import_slos import import_slos, slos_section  # noqa: PLC0415

    imported = import_slos(arguments.files)
    for remark in (*imported.left_out, *imported.notes):
        print(remark, file=sys.stderr)
    if imported.slos:
        if arguments.to is None:
            print(slos_section(imported, arguments.files), end="")
        else:
            _write(Path(arguments.to), lambda: slos_section(imported, arguments.files))
    elif not imported.left_out:
        print("there is no SLO in these files", file=sys.stderr)
    if imported.left_out or not imported.slos:
        raise SystemExit(1)


def _write(path: Path, text: Callable[[], str]) -> None:
    from vitalspan.errors import ConfigurationError  # noqa: PLC0415

    content = text()
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(content)
    except OSError as refused:
        problem = f"{path} cannot be written: {refused.strerror}: use another path"
        raise ConfigurationError(problem) from None
    print(path)
