"""Recording rules for health: counters added up once, factors on them, scores of those."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from vitalspan import names
from vitalspan.artifacts.fleet import fleet_rules
from vitalspan.artifacts.options import Options
from vitalspan.artifacts.recording import Recording, counted, told_apart_by
from vitalspan.errors import ConfigurationError
from vitalspan.health.graph import Graph
from vitalspan.health.models import DEFAULT_MODEL, factors_of
from vitalspan.health.pooled import (
    FACTOR,
    Scores,
    effective,
    mean_of_components,
    one_of,
    without_components,
)
from vitalspan.health.promql import Ramps, alerts_on_scores
from vitalspan.health.recorded import (
    EFFECTIVE,
    INSTANCE,
    JOB,
    POOLED,
    UNCAPPED,
    Level,
    Recorded,
)
from vitalspan.health.score import CRITICAL_COMPONENT
from vitalspan.health.survey import by_component, component_of, is_traffic
from vitalspan.names import COMPONENT
from vitalspan.rules.model import RuleSet
from vitalspan.rules.operators import any_of
from vitalspan.rules.scoring import Factor, feeding_on_itself
from vitalspan.signals.units import duration_text

HEALTH: Final = "vitalspan:health"
"""The group of what health is made of, each rule after those that it reads."""


def health_rules(rules: RuleSet, options: Options) -> list[Recording]:
    """Return the recording rules for health, in order; none without a `health` section.

    Args:
        rules: with the groups of the SLOs.
        options: how they are exported.
    """
    factors = _factors(rules, options.metric_prefix)
    return list(_Plan(rules, factors, options).rules()) if factors else []


def recorded_scores(rules: RuleSet, options: Options) -> dict[str, str]:
    """Return the recorded series that alerts read in place of each metric that is a score."""
    if not _factors(rules, options.metric_prefix):
        return {}
    recorded = Recorded(options.metric_prefix)
    whole = INSTANCE if options.per_instance else JOB
    return {
        names.HEALTH_SCORE.name: recorded.score(whole),
        names.COMPONENT_HEALTH_SCORE.name: recorded.score(whole._replace(component=True)),
    }


def _factors(rules: RuleSet, prefix: str) -> tuple[Factor, ...]:
    problem = "" if rules.health is None else feeding_on_itself(rules.health.factors, prefix)
    if problem:
        raise ConfigurationError(problem)
    return () if rules.health is None else factors_of(rules.health, rules.slos, DEFAULT_MODEL)


class _Pooled:
    """Counters added up over operations, errors and declared labels, recorded once for all.

    Args:
        prefix: before the names of vitalspan's own metrics.
    """

    def __init__(self, prefix: str) -> None:
        self.asked: dict[Recording, None] = {}
        self._prefix = prefix

    def rate(self, metric: str, window: float) -> str:
        """Return the series that has the pooled rate of a counter."""
        plain = metric.removeprefix(self._prefix)
        level, more = told_apart_by(plain)
        name = f"job_instance_{level}:{counted(metric)}:sum_rate{duration_text(window)}"
        labels = ", ".join(("job", "instance", *more))
        expr = f"sum by ({labels}) (rate({metric}[{duration_text(window)}]))"
        self.asked.setdefault(Recording(name, expr))
        return name

    def ratio(self, part: str, whole: str, window: float, slo: str) -> None:  # noqa: ARG002
        """Return no series: a fleet has the ratio of sums."""
        return


class _Plan:
    """What is recorded for one rule file.

    Args:
        rules: with the groups of the SLOs.
        factors: that count.
        options: how they are exported.
    """

    def __init__(self, rules: RuleSet, factors: Sequence[Factor], options: Options) -> None:
        scoring = rules.health
        self._factors = factors
        self._slos = rules.slos
        self._prefix = options.metric_prefix
        self._names = Recorded(options.metric_prefix)
        self._pooled = _Pooled(options.metric_prefix)
        self._graph = Graph(() if scoring is None else scoring.components)
        self._critical = [one.name for one in self._graph.declared.values() if one.critical]
        self._apart = options.per_instance or bool(self._graph.declared)
        self._ramps = Ramps(
            prefix=options.metric_prefix,
            objectives={slo.name: slo.objective for slo in rules.slos},
            not_counted=alerts_on_scores(rules, options.metric_prefix),
            pooled=self._pooled,
            step=options.interval,
        )

    def rules(self) -> Iterator[Recording]:
        made: list[Recording] = []
        for whole in (INSTANCE, JOB):
            # Without components of their own, instances need not be told apart by them.
            if whole == JOB or self._apart:
                made += self._of_components(whole._replace(component=True))
            made += self._of_whole(whole)
        made += fleet_rules(self._prefix, self._pooled.rate)
        yield from self._pooled.asked
        yield from made

    def _of_components(self, level: Level) -> Iterator[Recording]:
        known = [factor for factor in self._factors if by_component(factor, self._slos)]
        for factor in known:
            yield self._component_factor(factor, level)
        scores = Scores(level, known, self._names)
        if not scores.is_known:
            return
        yield Recording(self._names.score(level, POOLED), scores.deducted(scores.weighted()))
        yield from self._effective(level)

    def _component_factor(self, factor: Factor, level: Level) -> Recording:
        name, own = self._names.factor_score(level), ((FACTOR, factor.name),)
        if factor.query.slo is None:
            return Recording(name, self._ramps.score(factor, level), own)
        # An SLO is about the calls of one component, or of none in particular.
        component = next(component_of(slo) for slo in self._slos if slo.name == factor.query.slo)
        outer = level._replace(component=False)
        labels = (*own, (COMPONENT, component or ""))
        return Recording(name, self._ramps.score(factor, outer), labels)

    def _effective(self, level: Level) -> Iterator[Recording]:
        name = self._names.score(level, EFFECTIVE)
        leaning = [one.name for one in self._graph.declared.values() if one.depends_on]
        for component in leaning:
            expr = effective(component, self._graph, level, self._names)
            yield Recording(name, expr, ((COMPONENT, component),))
        others = f"{{{one_of(COMPONENT, leaning, none=True)}}}" if leaning else ""
        yield Recording(name, self._names.score(level, POOLED) + others)

    def _of_whole(self, level: Level) -> Iterator[Recording]:
        for factor in self._factors:
            expr = self._whole_factor(factor, level)
            yield Recording(self._names.factor_score(level), expr, ((FACTOR, factor.name),))
        scores = Scores(level, self._factors, self._names)
        if not scores.is_known:
            return
        yield Recording(self._names.factor_weight(level), scores.weights())
        yield Recording(self._names.points_lost(level), scores.lost())
        if not self._critical:
            yield Recording(self._names.score(level), scores.deducted(scores.weighted()))
            return
        uncapped = self._names.score(level, UNCAPPED)
        yield Recording(uncapped, scores.deducted(scores.weighted()))
        yield Recording(self._names.score(level), scores.capped(uncapped, self._critical))
        worst = ((FACTOR, CRITICAL_COMPONENT.name),)
        yield Recording(
            self._names.factor_score(level), scores.critical_score(self._critical), worst
        )
        yield Recording(self._names.factor_weight(level), scores.critical_weight(), worst)
        lost = f"{uncapped} - {self._names.score(level)}"
        yield Recording(self._names.points_lost(level), lost, worst)

    def _whole_factor(self, factor: Factor, level: Level) -> str:
        apart = f"{self._names.factor_score(INSTANCE)}{{{one_of(FACTOR, [factor.name])}}}"
        score = self._ramps.score(factor, level, apart)
        if not self._graph.declared or not is_traffic(factor):
            return score
        about = (factor, level, self._graph, self._names)
        return any_of(mean_of_components(*about), without_components(score, *about))
