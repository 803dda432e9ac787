"""The rules, SLOs and scoring that a program adds to its rule file."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Final

from vitalspan.errors import ConfigurationError
from vitalspan.rules.model import Group, Rule, RuleSet, Slo
from vitalspan.rules.scoring import (
    Component,
    Scoring,
    cycle_mistake,
    merged,
    self_reference_mistake,
)

ADDED: Final = "added"
"""The name of the group of added rules."""


@dataclass(frozen=True)
class AddedRules:
    """The rules that a program has added; each change returns a new object.

    Attributes:
        rules: the rules, with distinct names.
        slos: the SLOs, with distinct names.
        scoring: how health is scored; None uses that of the file.
        components: the components, in addition to those of the file and of the scoring.
    """

    rules: tuple[Rule, ...] = ()
    slos: tuple[Slo, ...] = ()
    scoring: Scoring | None = None
    components: tuple[Component, ...] = ()

    def with_rule(self, rule: Rule) -> AddedRules:
        """Return a copy with a rule, which replaces one with the same name."""
        others = (one for one in self.rules if one.alert != rule.alert)
        return replace(self, rules=(*others, rule))

    def with_slo(self, slo: Slo) -> AddedRules:
        """Return a copy with an SLO, which replaces one with the same name."""
        others = (one for one in self.slos if one.name != slo.name)
        return replace(self, slos=(*others, slo))

    def with_component(self, component: Component) -> AddedRules:
        """Return a copy with a component, which replaces one with the same name."""
        return replace(
            self, components=(*self.without_component(component.name).components, component)
        )

    def with_scoring(self, scoring: Scoring | None) -> AddedRules:
        """Return a copy with another scoring."""
        return replace(self, scoring=scoring)

    def without(self, name: str) -> AddedRules:
        """Return a copy without the rules and SLOs of a name."""
        rules = tuple(one for one in self.rules if one.alert != name)
        return replace(self, rules=rules, slos=tuple(one for one in self.slos if one.name != name))

    def without_component(self, name: str) -> AddedRules:
        """Return a copy without the component of a name."""
        return replace(self, components=tuple(one for one in self.components if one.name != name))

    def merged_with(self, file: RuleSet) -> RuleSet:
        """Return everything combined with the definitions of a rule file."""
        groups = (Group(ADDED, self.rules),) if self.rules else ()
        components = Scoring(components=self.components) if self.components else None
        return RuleSet(
            (*file.groups, *groups),
            (*file.slos, *self.slos),
            merged(merged(file.health, self.scoring), components),
        )


def check(rules: RuleSet, metric_prefix: str) -> None:
    """Check the combined rules of a file and the program.

    Raises:
        ConfigurationError: for an SLO that is in both, for components that depend on each other in
            a cycle, and for a health factor that is computed from the score.
    """
    names = Counter(slo.name for slo in rules.slos)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise ConfigurationError(
            f"SLO {min(twice)!r:.80} is in the rule file and was added by the program: rename "
            "one of them"
        )
    if rules.health is not None:
        problem = cycle_mistake(rules.health.components) or self_reference_mistake(
            rules.health.factors, metric_prefix
        )
        if problem:
            raise ConfigurationError(problem)
