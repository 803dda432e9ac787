"""Health scoring in English and in PromQL: the factors, levels and components of a rule file."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import indent
from typing import Final

from vitalspan.compiler.context import context_of
from vitalspan.compiler.factor_score import FactorCompiler
from vitalspan.compiler.recorded_names import JOB
from vitalspan.describe.query_text import query_text, threshold_text
from vitalspan.health.factor_models import DEFAULT_MODEL, factors_of, model_name
from vitalspan.health.readings import is_traffic
from vitalspan.promql.expression import number
from vitalspan.rules.model import RuleSet
from vitalspan.rules.scoring import DEFAULT_LEVELS, Component, Factor, Scoring
from vitalspan.signals.catalogue import signal_of, unit_of
from vitalspan.words import listed

_OWN_FACTORS: Final = "factors of its own"


def explain_scoring(rules: RuleSet) -> str:
    """Return how a rule file scores health, factor by factor; empty without a health section."""
    if rules.health is None:
        return ""
    return "\n\n".join(_parts(rules, rules.health))


def _parts(rules: RuleSet, scoring: Scoring) -> Iterator[str]:
    name = model_name(scoring, DEFAULT_MODEL)
    model = f"the model {name}" if scoring.model or not scoring.factors else _OWN_FACTORS
    levels = [f"{level} from {number(at)}" for level, at in scoring.levels or DEFAULT_LEVELS]
    yield (
        f"Health is scored by {model}, from 0 to 100, and is {listed(levels)}; the "
        "points of absent factors go to the others:"
    )
    compiler = FactorCompiler(context_of(rules))
    for factor in factors_of(scoring, rules.slos, DEFAULT_MODEL):
        promql = indent(str(compiler.score(factor, JOB)), " " * 4)
        yield f"  {factor_sentence(factor, of_components=bool(scoring.components))}\n{promql}"
    if scoring.components:
        yield "\n".join(["Components:", *map(_component, scoring.components)])


def factor_sentence(factor: Factor, *, of_components: bool = False) -> str:
    """Return what a factor gives points for.

    Args:
        factor: the factor.
        of_components: whether components are declared, so that it is the mean of their scores.
    """
    query = factor.query
    unit, signal = unit_of(query), signal_of(query)
    full, zero = (threshold_text(end, unit) for end in (factor.full, factor.zero))
    points = number(factor.weight)
    what = (
        f"takes off up to {points} points: none"
        if factor.deduct
        else f"counts {points} points: all of them"
    )
    worst = "all of them" if factor.deduct else "none"
    if factor.critical:
        what = "limits the score: not at all"
        worst = f"to {number(factor.least)}"
    text = f"{factor.name} {what} when {query_text(query)} is {full} or better"
    text += f", {worst} when it is {zero} or worse"
    if factor.full_count:
        text += f"; fewer than {factor.full_count} {signal.source.samples} count in part"
    if factor.min_count:
        text += f"; it is absent with fewer than {factor.min_count} {signal.source.samples}"
    if of_components and is_traffic(factor):
        text += "; for the whole service it is the mean of the components, by their weights"
    return f"{text}."


def _component(component: Component) -> str:
    parts = [f"has weight {number(component.weight)}"]
    if component.critical:
        parts.append("is critical: it limits the whole service")
    if component.depends_on:
        parts.append(f"is limited by {listed(component.depends_on)}")
    return f"  {component.name} {'; '.join(parts)}."
