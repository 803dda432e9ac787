"""The PromQL context of a set of rules."""

from __future__ import annotations

from dataclasses import replace

from vitalspan.promql.context import DEFAULT_CONTEXT, PromqlContext
from vitalspan.rules.model import RuleSet
from vitalspan.signals.catalogue import is_made_of_scores


def context_of(rules: RuleSet, context: PromqlContext = DEFAULT_CONTEXT) -> PromqlContext:
    """Return the context of everything that is compiled from a set of rules.

    Args:
        rules: the rules, including the groups of the SLOs.
        context: the parts that do not depend on the rules, such as the prefix.
    """
    every = (rule for group in rules.groups for rule in group.rules)
    on_scores = (rule.alert for rule in every if is_made_of_scores(rule.query, context.prefix))
    return replace(
        context,
        objectives={slo.name: slo.objective for slo in rules.slos},
        not_counted=tuple(dict.fromkeys(on_scores)),
    )
