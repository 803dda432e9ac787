"""Everything that Prometheus and Alertmanager are given for a set of rules."""

from __future__ import annotations

from typing import Final

from vitalspan.artifacts.cases import case_files
from vitalspan.artifacts.documents import document
from vitalspan.artifacts.groups import rule_groups
from vitalspan.artifacts.inhibition import inhibit_rules
from vitalspan.artifacts.options import Options
from vitalspan.rules.model import RuleSet

RULES: Final = "rules.yml"
INHIBITION: Final = "alertmanager-inhibit.yml"

MARK: Final = "Made by  vitalspan rules export"
"""How every file begins, so that those of an earlier export are known."""


def export(rules: RuleSet, options: Options | None = None) -> dict[str, str]:
    """Return the files of an export, by name.

    Args:
        rules: with the groups that `vitalspan.rules.slos.expand` adds for the SLOs.
        options: how they are exported.

    Raises:
        ConfigurationError: for rules that Prometheus could not tell apart.
        MissingExtraError: if PyYAML is not installed.
    """
    chosen = options or Options()
    head = (f"{MARK} {chosen.arguments}", "Change FILE and run that again, not this.", "")
    groups = rule_groups(rules, chosen)
    inhibition = inhibit_rules(rules, per_instance=chosen.per_instance)
    files = {
        RULES: document(
            {"groups": groups}, [*head, "For rule_files of Prometheus, 2.42 or later."]
        ),
        INHIBITION: document(
            {"inhibit_rules": inhibition}, [*head, "For inhibit_rules of Alertmanager."]
        ),
    }
    order = [str(group["name"]) for group in groups]
    for name, case_file in case_files(rules, chosen, RULES, order).items():
        run = f"Run with  promtool test rules {name}"
        files[name] = document(case_file.content, [*head, run, *case_file.remarks])
    return files
