"""The PromQL context of a set of rules."""

from __future__ import annotations

from vitalspan.metrics import DURATION_BOUNDARIES
from vitalspan.promql.context import DEFAULT_STEP, PromqlContext
from vitalspan.rules.model import RuleSet
from vitalspan.signals.catalogue import is_made_of_scores


def context_of(
    rules: RuleSet,
    *,
    prefix: str = "",
    step: float = DEFAULT_STEP,
    per_instance: bool = False,
    boundaries: tuple[float, ...] = DURATION_BOUNDARIES,
) -> PromqlContext:
    """Return the context of everything that is compiled of a set of rules.

    Args:
        rules: with the groups of the SLOs.
        prefix: before the names of vitalspan's own metrics.
        step: seconds between two evaluations of groups that name no interval.
        per_instance: whether the label `instance` stays.
        boundaries: the exported bucket boundaries of durations.
    """
    every = (rule for group in rules.groups for rule in group.rules)
    on_scores = (rule.alert for rule in every if is_made_of_scores(rule.query, prefix))
    return PromqlContext(
        prefix=prefix,
        step=step,
        per_instance=per_instance,
        boundaries=boundaries,
        objectives={slo.name: slo.objective for slo in rules.slos},
        not_counted=tuple(dict.fromkeys(on_scores)),
    )
