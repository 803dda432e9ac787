"""Assesses health at each tick: the scores of the whole and of each component."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from vitalspan import metrics
from vitalspan.health.component_graph import ComponentGraph
from vitalspan.health.factor_models import DEFAULT_MODEL, factors_of, model_name
from vitalspan.health.readings import FactorReader, Readings, is_traffic
from vitalspan.health.reasons import reason, worst_first
from vitalspan.health.recommendations.adviser import Adviser
from vitalspan.health.result import ComponentHealth, FactorHealth, Health, Snapshot
from vitalspan.health.score import Part, Score, capped, finite, score_of, weighted_mean
from vitalspan.health.trend import Snapshots
from vitalspan.history.history import History
from vitalspan.history.registry_metrics import RegistrySamples
from vitalspan.metrics import COMPONENT
from vitalspan.rules.model import Slo
from vitalspan.rules.scoring import DEFAULT_LEVELS, NO_DATA, Levels, Scoring
from vitalspan.signals.catalogue import subject_of
from vitalspan.signals.history_view import HistoryView
from vitalspan.signals.signal import Reading

OFF: Final = "off"
"""The name of the model without a score."""


@dataclass(frozen=True)
class _ComponentScores:
    """The scores of a component: its own, and the lowest one that it depends on."""

    own: Score
    effective: float | None
    limited_by: str | None


_ScoresByName = Mapping[str, _ComponentScores]


class Assessor:
    """Scores health at each tick.

    Args:
        history: the history that factors look back on; scores are stored there for rules.
        epoch: returns the difference between the time of day and the steady clock, in seconds.
        snapshots: stores the latest scores, for the trend.
    """

    def __init__(self, history: History, epoch: Callable[[], float], snapshots: Snapshots) -> None:
        self.snapshots = snapshots
        self._history = history
        self._epoch = epoch
        self._in_use: tuple[Scoring, tuple[Slo, ...], str] | None = None
        self.adviser = Adviser(history)
        self._model = DEFAULT_MODEL
        self.latest = self._unknown()
        self.use(Scoring(), (), DEFAULT_MODEL)

    def use(self, scoring: Scoring, slos: Sequence[Slo], default: str) -> None:
        """Change how health is scored.

        Args:
            scoring: factors, levels and components, from rule files and programs.
            slos: the current SLOs.
            default: the model if none is set, or `off`.
        """
        key = (scoring, tuple(slos), default)
        if key == self._in_use:
            return
        self._in_use = key
        self.levels: Levels = scoring.levels or DEFAULT_LEVELS
        worst = self.levels[-2][1] if len(self.levels) > 1 else 0.0
        self._fail_below = worst if scoring.fail_below is None else scoring.fail_below
        self._graph = ComponentGraph(scoring.components)
        self._model = model_name(scoring, default)
        factors = () if self._model == OFF else factors_of(scoring, slos, default)
        self._factor_reader = FactorReader(
            factors, slos, self._history, getattr(self, "_factor_reader", None)
        )
        if not self.is_off:
            self._update_levels()
        else:
            self.latest = self._unknown()
            # Rules must not see scores that are no longer computed.
            self._note(None, {})

    @property
    def is_off(self) -> bool:
        """True if no factor is scored."""
        return self._model == OFF

    def assess(self, now: float) -> Health:
        """Return the health at a tick, and store the scores for rules.

        Args:
            now: the time of the tick on the steady clock, which the history has observed.
        """
        readings = self._factor_reader.read(now)
        self.adviser.follow(now)
        components = self._component_scores(readings)
        whole = score_of(
            self._factor_reader.factors, readings.whole, self._weighted_scores(components)
        )
        worst = self._worst_critical(components)
        score = capped(whole, None if worst is None else worst[0])
        status = self.status(score.value)
        self.snapshots.take(now, Snapshot(now + self._epoch(), score.value, status))
        view = HistoryView(self._history)
        limit = "" if worst is None else worst[1]
        reasons = [(part, reason(part, view, worst=limit)) for part in score.parts]
        self.latest = Health(
            score=score.value,
            status=status,
            failing=score.value is not None and score.value < self._fail_below,
            model=self._model,
            at=now + self._epoch(),
            factors=tuple(_factor_health(part, text) for part, text in reasons),
            components=tuple(
                self._component(name, scores, view) for name, scores in components.items()
            ),
            reasons=worst_first(reasons),
            trend=self.snapshots.trend(),
        )
        self._note(score.value, components)
        return self.latest

    def status(self, score: float | None) -> str:
        """Return the name of the level of a score."""
        if score is None:
            return NO_DATA
        return next(name for name, begins in self.levels if score >= begins)

    def reset(self) -> None:
        """Drop the past, and start over."""
        self._factor_reader.forget()
        self.adviser.forget()
        self.snapshots.clear()
        self.latest = self._unknown()

    def _update_levels(self) -> None:
        """Update the levels of the latest scores."""
        last = self.latest
        if last.at is None:
            self.latest = self._unknown()
        else:
            self.latest = replace(
                last,
                status=self.status(last.score),
                failing=last.score is not None and last.score < self._fail_below,
                components=tuple(
                    replace(one, status=self.status(one.effective_score)) for one in last.components
                ),
            )

    def _unknown(self) -> Health:
        return Health(None, NO_DATA, failing=False, model=self._model, at=None)

    def _component_scores(self, readings: Readings) -> dict[str, _ComponentScores]:
        names = self._graph.names(readings.by_component)
        own = {name: self._own(readings.by_component.get(name, {})) for name in names}
        scores = {name: score.value for name, score in own.items()}
        limiting = self._graph.limiting(scores)
        return {
            name: _ComponentScores(own[name], *limiting.get(name, (None, None))) for name in names
        }

    def _own(self, readings: Mapping[int, Reading]) -> Score:
        factors = self._factor_reader.factors
        chosen = [(factors[index], reading) for index, reading in sorted(readings.items())]
        return score_of([one for one, _ in chosen], [reading for _, reading in chosen])

    def _weighted_scores(self, components: _ScoresByName) -> dict[str, float | None]:
        """Return the factor scores of the whole, as weighted means of those of its components."""
        if not self._graph.declared:
            return {}
        weights = {name: self._graph.component(name).weight for name in components}
        weighted: dict[str, float | None] = {}
        for factor in self._factor_reader.factors:
            if is_traffic(factor):
                factor_scores = [
                    (part.score, weights[name])
                    for name, scores in components.items()
                    for part in scores.own.parts
                    if part.factor is factor and part.score is not None
                ]
                if factor_scores:
                    weighted[factor.name] = weighted_mean(factor_scores)
        return weighted

    def _worst_critical(self, components: _ScoresByName) -> tuple[float, str] | None:
        critical_scores = [
            (scores.effective, name)
            for name, scores in components.items()
            if scores.effective is not None and self._graph.component(name).critical
        ]
        return min(critical_scores, default=None)

    def _component(self, name: str, scores: _ComponentScores, view: HistoryView) -> ComponentHealth:
        component = self._graph.component(name)
        load = self.adviser.loads.get(name)
        return ComponentHealth(
            component=name,
            score=scores.own.value,
            effective_score=scores.effective,
            status=self.status(scores.effective),
            limited_by=scores.limited_by,
            weight=component.weight,
            critical=component.critical,
            depends_on=component.depends_on,
            recommended_concurrency=None if load is None else load.room,
            factors=tuple(
                _factor_health(part, reason(part, view, name)) for part in scores.own.parts
            ),
        )

    def _note(self, score: float | None, components: _ScoresByName) -> None:
        samples: RegistrySamples = [({}, score)] if score is not None else []
        self._history.make(metrics.HEALTH_SCORE.name, samples)
        self._history.make(
            metrics.COMPONENT_HEALTH_SCORE.name,
            [
                ({COMPONENT: name}, scores.own.value)
                for name, scores in components.items()
                if scores.own.value is not None
            ],
        )


def _factor_health(part: Part, text: str) -> FactorHealth:
    factor, query = part.factor, part.factor.query
    return FactorHealth(
        factor=factor.name,
        signal=subject_of(query),
        where=tuple(map(str, query.where)),
        value=finite(part.reading.value),
        samples=part.reading.samples,
        min_count=factor.min_count,
        window=query.window,
        full=factor.full,
        zero=factor.zero,
        score=part.score,
        weight=part.weight,
        points_lost=part.lost,
        reason=text,
        critical=factor.critical,
        least=factor.least,
    )
