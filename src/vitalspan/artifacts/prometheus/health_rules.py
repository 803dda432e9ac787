"""Recording rules for health: counters that are added up once, factors, and scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from vitalspan import metrics as names
from vitalspan.artifacts.options import Options
from vitalspan.artifacts.prometheus.fleet_rules import fleet_rules
from vitalspan.artifacts.prometheus.recording_rules import RecordingRule, counted, told_apart_by
from vitalspan.compiler.factor_score import FactorCompiler
from vitalspan.compiler.pooled_score import FACTOR, ComponentScores, ScoreCompiler, one_of
from vitalspan.compiler.recorded_names import (
    EFFECTIVE,
    INSTANCE,
    JOB,
    POOLED,
    UNCAPPED,
    Grouping,
    RecordedNames,
    recorded_name,
)
from vitalspan.errors import ConfigurationError
from vitalspan.health.component_graph import ComponentGraph
from vitalspan.health.factor_models import DEFAULT_MODEL, factors_of
from vitalspan.health.readings import by_component, component_of, is_traffic
from vitalspan.health.score import CRITICAL_COMPONENT
from vitalspan.metrics import COMPONENT
from vitalspan.promql.context import Growth, PromqlContext, RecordingLookup
from vitalspan.promql.expression import Aggregation, Expression, VectorSelector, call
from vitalspan.rules.model import Pairs, RuleSet
from vitalspan.rules.scoring import Factor, self_reference_mistake
from vitalspan.units import duration_text, range_text

HEALTH: Final = "vitalspan:health"
"""The group of health's recording rules, each after the rules that it reads."""


def health_rules(rules: RuleSet, options: Options) -> list[RecordingRule]:
    """Return the recording rules for health, in order; none without a `health` section.

    Args:
        rules: the rules, including the groups of the SLOs.
        options: how they are exported.
    """
    factors = _factors(rules, options.metric_prefix)
    return list(_Plan(rules, factors, options).rules()) if factors else []


def alert_context(rules: RuleSet, options: Options) -> PromqlContext:
    """Return the context of alerts, which read recorded scores if there are some."""
    context = options.context(rules)
    if not _factors(rules, context.prefix):
        return context
    recorded = RecordedNames(context.prefix)
    whole = INSTANCE if context.per_instance else JOB
    scores = {
        names.HEALTH_SCORE.name: recorded.score(whole),
        names.COMPONENT_HEALTH_SCORE.name: recorded.score(whole._replace(component=True)),
    }
    return replace(context, scores=scores)


def _factors(rules: RuleSet, prefix: str) -> tuple[Factor, ...]:
    problem = "" if rules.health is None else self_reference_mistake(rules.health.factors, prefix)
    if problem:
        raise ConfigurationError(problem)
    return () if rules.health is None else factors_of(rules.health, rules.slos, DEFAULT_MODEL)


class _Pooled(RecordingLookup):
    """Counters added up over operations, errors and declared labels, recorded once for all.

    A fleet has the ratio of sums, so none is recorded; no factor asks since when there is history.

    Args:
        prefix: the prefix of the names of vitalspan's own metrics.
    """

    def __init__(self, prefix: str) -> None:
        self.asked: dict[RecordingRule, None] = {}
        self._prefix = prefix

    def rate(self, metric: str, window: float, growth: Growth = "rate") -> str:
        """Return the series with the pooled rate of a counter, or its pooled increase."""
        plain = metric.removeprefix(self._prefix)
        level, more = told_apart_by(plain)
        operation = f"sum_{growth}{duration_text(window)}"
        name = recorded_name(("job", "instance", level), counted(metric), operation)
        rate = call(growth, VectorSelector(metric, over=range_text(window)))
        expr = Aggregation("sum", ("job", "instance", *more), rate)
        self.asked.setdefault(RecordingRule(name, expr))
        return name


class _Plan:
    """The recording rules for one rule file.

    Args:
        rules: the rules, including the groups of the SLOs.
        factors: the factors that count.
        options: how they are exported.
    """

    def __init__(self, rules: RuleSet, factors: Sequence[Factor], options: Options) -> None:
        scoring = rules.health
        self._factors = factors
        self._slos = rules.slos
        self._context = options.context(rules)
        self._names = RecordedNames(self._context.prefix)
        self._pooled = _Pooled(self._context.prefix)
        self._graph = ComponentGraph(() if scoring is None else scoring.components)
        self._critical = [one.name for one in self._graph.declared.values() if one.critical]
        self._apart = options.per_instance or bool(self._graph.declared)
        self._ramps = FactorCompiler(replace(self._context, recorded=self._pooled))

    def rules(self) -> Iterator[RecordingRule]:
        rules: list[RecordingRule] = []
        for whole in (INSTANCE, JOB):
            # Without their own components, instances need not be distinguished by them.
            if whole == JOB or self._apart:
                rules += self._of_components(whole._replace(component=True))
            rules += self._of_whole(whole)
        rules += fleet_rules(self._context, self._pooled.rate)
        yield from self._pooled.asked
        yield from rules

    def _of_components(self, level: Grouping) -> Iterator[RecordingRule]:
        factors = [factor for factor in self._factors if by_component(factor, self._slos)]
        for factor in factors:
            yield self._component_factor(factor, level)
        scores = ScoreCompiler(level, factors, self._names)
        if not scores.is_known:
            return
        yield RecordingRule(self._names.score(level, POOLED), scores.score())
        yield from self._effective(level)

    def _component_factor(self, factor: Factor, level: Grouping) -> RecordingRule:
        name, labels = self._names.factor_score(level), _named(factor)
        if factor.query.slo is not None:
            # An SLO is about the calls of one component, or of none in particular.
            of = next(component_of(slo) for slo in self._slos if slo.name == factor.query.slo)
            level, labels = level._replace(component=False), (*labels, (COMPONENT, of or ""))
        return RecordingRule(name, self._ramps.score(factor, level), labels)

    def _effective(self, level: Grouping) -> Iterator[RecordingRule]:
        name = self._names.score(level, EFFECTIVE)
        leaning = [one.name for one in self._graph.declared.values() if one.depends_on]
        scores = ComponentScores(level._replace(component=False), self._graph, self._names)
        for component in leaning:
            yield RecordingRule(name, scores.effective(component), ((COMPONENT, component),))
        others = (one_of(COMPONENT, leaning, none=True),) if leaning else ()
        yield RecordingRule(name, VectorSelector(self._names.score(level, POOLED), others))

    def _of_whole(self, level: Grouping) -> Iterator[RecordingRule]:
        score, factor_score = self._names.score(level), self._names.factor_score(level)
        weight, points_lost = self._names.factor_weight(level), self._names.points_lost(level)
        for factor in self._factors:
            yield RecordingRule(factor_score, self._whole_factor(factor, level), _named(factor))
        scores = ScoreCompiler(level, self._factors, self._names)
        if not scores.is_known:
            return
        yield RecordingRule(weight, scores.weights())
        by_counted = scores.lost()
        if by_counted is not None:
            yield RecordingRule(points_lost, by_counted)
        for factor, lost in scores.lost_to_limits():
            yield RecordingRule(points_lost, lost, _named(factor))
        if not self._critical:
            yield RecordingRule(score, scores.score())
            return
        uncapped = VectorSelector(self._names.score(level, UNCAPPED))
        yield RecordingRule(uncapped.metric, scores.score())
        yield RecordingRule(score, scores.capped(uncapped, self._critical))
        worst = _named(CRITICAL_COMPONENT)
        yield RecordingRule(factor_score, scores.critical_score(self._critical), worst)
        yield RecordingRule(weight, scores.critical_weight(), worst)
        yield RecordingRule(points_lost, uncapped - VectorSelector(score), worst)

    def _whole_factor(self, factor: Factor, level: Grouping) -> Expression:
        this = one_of(FACTOR, [factor.name])
        apart = VectorSelector(self._names.factor_score(INSTANCE), (this,))
        score = self._ramps.score(factor, level, apart)
        if not self._graph.declared or not is_traffic(factor):
            return score
        scores = ComponentScores(level, self._graph, self._names)
        return scores.factor_of_whole(factor, score)


def _named(factor: Factor) -> Pairs:
    return ((FACTOR, factor.name),)
