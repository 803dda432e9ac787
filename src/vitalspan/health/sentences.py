"""How health is scored, in words and in PromQL: what a rule file says about it."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import indent
from typing import Final

from vitalspan.health.models import DEFAULT_MODEL, factors_of, model_name
from vitalspan.health.promql import Ramps, alerts_on_scores
from vitalspan.health.recorded import JOB
from vitalspan.health.survey import is_traffic
from vitalspan.rules.explain import SAMPLES, listed, quantity, threshold_text
from vitalspan.rules.model import RuleSet
from vitalspan.rules.operators import number
from vitalspan.rules.scoring import DEFAULT_LEVELS, Component, Factor, Scoring
from vitalspan.signals.catalogue import signal_of, unit_of

_OWN: Final = "factors of its own"


def explain_scoring(rules: RuleSet) -> str:
    """Return how a rule file scores health, factor by factor; empty where it says nothing of it."""
    if rules.health is None:
        return ""
    return "\n\n".join(_parts(rules, rules.health))


def _parts(rules: RuleSet, scoring: Scoring) -> Iterator[str]:
    name = model_name(scoring, DEFAULT_MODEL)
    model = f"the model {name}" if scoring.model or not scoring.factors else _OWN
    levels = [f"{level} from {number(at)}" for level, at in scoring.levels or DEFAULT_LEVELS]
    yield (
        f"Health is scored by {model}, from 0 to 100, and is {listed(levels)}; the points of "
        "factors that are absent fall to the others:"
    )
    ramps = Ramps(
        objectives={slo.name: slo.objective for slo in rules.slos},
        not_counted=alerts_on_scores(rules, ""),
    )
    for factor in factors_of(scoring, rules.slos, DEFAULT_MODEL):
        promql = indent(ramps.score(factor, JOB), " " * 4)
        yield f"  {factor_sentence(factor, of_components=bool(scoring.components))}\n{promql}"
    if scoring.components:
        yield "\n".join(["Components:", *map(_component, scoring.components)])


def factor_sentence(factor: Factor, *, of_components: bool = False) -> str:
    """Return what a factor gives points for.

    Args:
        factor: which.
        of_components: whether components are declared, whose mean it then is.
    """
    query = factor.query
    unit, signal = unit_of(query), signal_of(query)
    full, zero = (threshold_text(end, unit) for end in (factor.full, factor.zero))
    points = number(factor.weight)
    what = (
        f"takes off up to {points} points: none"
        if factor.deduct
        else f"weighs {points}: it has all of its points"
    )
    turn = "all of them" if factor.deduct else "none"
    text = f"{factor.name} {what} when {quantity(query)} is {full} or better"
    text += f", {turn} when it is {zero} or worse"
    if factor.min_count:
        samples = SAMPLES.get(signal.source, "samples")
        text += f"; it is absent with fewer than {factor.min_count} {samples}"
    if of_components and is_traffic(factor):
        text += "; of the whole it is the mean of the components', as heavy as they are"
    return f"{text}."


def _component(component: Component) -> str:
    said = [f"weighs {number(component.weight)}"]
    if component.critical:
        said.append("is critical: the whole does no better")
    if component.depends_on:
        said.append(f"does no better than {listed(list(component.depends_on))}")
    return f"  {component.name} {'; '.join(said)}."
