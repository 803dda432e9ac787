"""The rules that unit tests of promtool test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vitalspan.configfile.fields import Fields
from vitalspan.configfile.load import load_document
from vitalspan.configfile.nodes import Node
from vitalspan.configfile.report import Report
from vitalspan.rules.file.paths import rule_file_paths
from vitalspan.rules.file.promql_rules import is_expression, read_expression, read_group_labels
from vitalspan.rules.file.rules import GROUP_FIELDS
from vitalspan.rules.model import Group
from vitalspan.scenarios.unit_test_file import UnitTestFile


def tested_groups(file: UnitTestFile) -> list[Group]:
    """Return the groups in the rule files of a file of unit tests.

    Rules that need a server are included: a test has all samples that they use.

    Raises:
        ConfigFileError: for rule files with mistakes, or with rules on signals, whose tests are
            scenarios, which describe what a program does.
        MissingExtraError: if PyYAML or promql-parser is not installed.
    """
    return [
        group
        for pattern in file.rule_files
        for path in rule_file_paths(pattern)
        for group in _groups(path)
    ]


def _groups(path: Path) -> list[Group]:
    report = Report(str(path))
    document = load_document(path, report, "rule file", "promql")
    fields = Fields(document, ("groups",), report, usable="groups")
    nodes = fields.items_of("groups", "groups, each of which begins with -")
    groups = list(_read_groups(nodes, report))
    report.check()
    return groups


def _read_groups(nodes: tuple[Node, ...], report: Report) -> Iterator[Group]:
    for node in nodes:
        fields = Fields(node, GROUP_FIELDS, report, usable="fields such as name and rules")
        labels = read_group_labels(fields)
        rules = []
        for one in fields.items_of("rules", "rules, each of which begins with -"):
            if not is_expression(one):
                report.wrong(one.place, "is not a rule with an expr: test it with a scenario")
                continue
            rule = read_expression(one, labels, report, in_process=False)
            if rule is not None:
                rules.append(rule)
        limit = fields.whole_number("limit", "a number of alerts such as 10")
        yield Group(fields.name("name", "a name") or "", (), None, limit, tuple(rules))
