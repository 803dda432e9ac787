"""Internal: the `vitalspan rules` command and its subcommands."""

from __future__ import annotations

import argparse
from itertools import takewhile
from pathlib import Path

from vitalspan.cli.command import Commands, add_command
from vitalspan.cli.rules import check, export, import_rules, run_scenarios


def add_to(commands: Commands) -> None:
    """Add the command and its subcommands."""
    summary = "check, explain, test, export and import rule files"
    subcommands = add_command(commands, "rules", summary).add_subcommands()
    for add in (
        check.add_to,
        _add_explain,
        _add_presets,
        run_scenarios.add_to,
        export.add_to,
        import_rules.add_to,
    ):
        add(subcommands)


def _add_explain(commands: Commands) -> None:
    summary = "explain each rule, and how health is scored, in sentences and in PromQL"
    parser = add_command(commands, "explain", summary, _explain)
    parser.add_argument(
        "source", metavar="FILE|PRESET", help="a rule file, or the name of a preset"
    )


def _add_presets(commands: Commands) -> None:
    summary = "list the rule files that come with vitalspan"
    parser = add_command(commands, "presets", summary, _presets)
    parser.add_argument(
        "name", nargs="?", metavar="PRESET", help="print this one, to start your own from"
    )


def _explain(arguments: argparse.Namespace) -> None:
    from vitalspan.describe.rule_text import explain  # noqa: PLC0415
    from vitalspan.describe.scoring_text import explain_scoring  # noqa: PLC0415
    from vitalspan.rules.file.load import load, load_preset  # noqa: PLC0415

    source = Path(arguments.source)
    # A file takes precedence over a preset; a bare name without such a file is a preset.
    is_preset = not source.exists() and source.name == arguments.source and not source.suffix
    rules = load_preset(source.name) if is_preset else load(source)
    print("\n\n".join(filter(None, (explain(rules), explain_scoring(rules)))))


def _presets(arguments: argparse.Namespace) -> None:
    from vitalspan.rules import presets  # noqa: PLC0415

    if arguments.name is not None:
        print(presets.text(arguments.name), end="")
        return
    width = max(map(len, presets.names()))
    for name in presets.names():
        print(f"{name:{width}}  {_first_sentence(presets.text(name))}")


def _first_sentence(text: str) -> str:
    comment = takewhile(lambda line: line.startswith("#"), text.splitlines())
    return " ".join(line.removeprefix("#").strip() for line in comment).split(". ")[0].rstrip(".")
