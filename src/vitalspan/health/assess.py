"""Assesses health tick by tick: reads every factor, scores the whole and each component."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from vitalspan import names
from vitalspan.health.advice.advise import Adviser
from vitalspan.health.blame import Scene
from vitalspan.health.graph import Graph
from vitalspan.health.models import DEFAULT_MODEL, factors_of, model_name
from vitalspan.health.reasons import reason, worst_first
from vitalspan.health.result import ComponentHealth, FactorHealth, Health, Snapshot
from vitalspan.health.score import Part, Score, capped, finite, score_of, weighted_mean
from vitalspan.health.survey import Readings, Survey, is_traffic
from vitalspan.health.trend import Snapshots
from vitalspan.history.history import History
from vitalspan.history.metrics import Series
from vitalspan.names import COMPONENT
from vitalspan.rules.model import Slo
from vitalspan.rules.scoring import DEFAULT_LEVELS, NO_DATA, Levels, Scoring
from vitalspan.signals.signal import Reading

OFF: Final = "off"
"""The name of the model that scores nothing."""


@dataclass(frozen=True)
class _Node:
    """A component, scored."""

    own: Score
    effective: float | None
    limited_by: str | None


class Assessor:
    """Scores health.

    Args:
        history: what is looked back on; scores are noted there for rules.
        epoch: returns the difference between the time of day and the steady clock, in seconds.
        snapshots: of the score.
    """

    def __init__(self, history: History, epoch: Callable[[], float], snapshots: Snapshots) -> None:
        self.snapshots = snapshots
        self._history = history
        self._epoch = epoch
        self._asked: tuple[Scoring, tuple[Slo, ...], str] | None = None
        self.adviser = Adviser(history)
        self._model = DEFAULT_MODEL
        self.latest = self._unknown()
        self.use(Scoring(), (), DEFAULT_MODEL)

    def use(self, scoring: Scoring, slos: Sequence[Slo], default: str) -> None:
        """Score in another way from now on.

        Args:
            scoring: what is said about factors, levels and components.
            slos: in force.
            default: the model where none is named, or `off`.
        """
        asked = (scoring, tuple(slos), default)
        if asked == self._asked:
            return
        self._asked = asked
        self.levels: Levels = scoring.levels or DEFAULT_LEVELS
        worst = self.levels[-2][1] if len(self.levels) > 1 else 0.0
        self._fail_below = worst if scoring.fail_below is None else scoring.fail_below
        self._graph = Graph(scoring.components)
        self._model = model_name(scoring, default)
        factors = () if self._model == OFF else factors_of(scoring, slos, default)
        self._survey = Survey(factors, slos, self._history, getattr(self, "_survey", None))
        if not self.is_off:
            self._judge_anew()
        else:
            self.latest = self._unknown()
            # Rules see nothing of scores that are not made any more.
            self._note(None, {})

    @property
    def is_off(self) -> bool:
        """Whether nothing is scored."""
        return self._model == OFF

    def assess(self, now: float) -> Health:
        """Return how things stand at a tick, and note the scores for rules.

        Args:
            now: the tick, on the steady clock; the history has been told of it.
        """
        readings = self._survey.read(now)
        self.adviser.follow(now)
        nodes = self._nodes(readings)
        whole = score_of(self._survey.factors, readings.whole, self._by_weight(nodes))
        worst = self._worst_critical(nodes)
        score = capped(whole, None if worst is None else worst[0])
        status = self.status(score.value)
        self.snapshots.take(now, Snapshot(now + self._epoch(), score.value, status))
        scene = Scene(self._history)
        limit = "" if worst is None else worst[1]
        told = [(part, reason(part, scene, worst=limit)) for part in score.parts]
        self.latest = Health(
            score=score.value,
            status=status,
            failing=score.value is not None and score.value < self._fail_below,
            model=self._model,
            at=now + self._epoch(),
            factors=tuple(_shown(part, text) for part, text in told),
            components=tuple(self._component(name, node, scene) for name, node in nodes.items()),
            reasons=worst_first(told),
            trend=self.snapshots.trend(),
        )
        self._note(score.value, nodes)
        return self.latest

    def status(self, score: float | None) -> str:
        """Return the level that a score is in."""
        if score is None:
            return NO_DATA
        return next(name for name, begins in self.levels if score >= begins)

    def reset(self) -> None:
        """Begin anew from zero."""
        self._survey.forget()
        self.adviser.forget()
        self.snapshots.clear()
        self.latest = self._unknown()

    def _judge_anew(self) -> None:
        """Put the last scores into the levels that there are now."""
        last = self.latest
        if last.at is not None:
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

    def _nodes(self, readings: Readings) -> dict[str, _Node]:
        every = self._graph.names(readings.apart)
        own = {name: self._own(readings.apart.get(name, {})) for name in every}
        scores = {name: score.value for name, score in own.items()}
        limiting = self._graph.limiting(scores)
        return {name: _Node(own[name], *limiting.get(name, (None, None))) for name in every}

    def _own(self, readings: Mapping[int, Reading]) -> Score:
        factors = self._survey.factors
        chosen = [(factors[index], reading) for index, reading in sorted(readings.items())]
        return score_of([one for one, _ in chosen], [reading for _, reading in chosen])

    def _by_weight(self, nodes: Mapping[str, _Node]) -> dict[str, float | None]:
        """Return the factor scores of the whole that the components' weights make."""
        if not self._graph.declared:
            return {}
        weights = {name: self._graph.component(name).weight for name in nodes}
        given: dict[str, float | None] = {}
        for factor in self._survey.factors:
            if is_traffic(factor):
                scores = [
                    (part.score, weights[name])
                    for name, node in nodes.items()
                    for part in node.own.parts
                    if part.factor is factor and part.score is not None
                ]
                if scores:
                    given[factor.name] = weighted_mean(scores)
        return given

    def _worst_critical(self, nodes: Mapping[str, _Node]) -> tuple[float, str] | None:
        known = [
            (node.effective, name)
            for name, node in nodes.items()
            if node.effective is not None and self._graph.component(name).critical
        ]
        return min(known, default=None)

    def _component(self, name: str, node: _Node, scene: Scene) -> ComponentHealth:
        component = self._graph.component(name)
        load = self.adviser.loads.get(name)
        return ComponentHealth(
            component=name,
            score=node.own.value,
            effective_score=node.effective,
            status=self.status(node.effective),
            limited_by=node.limited_by,
            weight=component.weight,
            critical=component.critical,
            depends_on=component.depends_on,
            recommended_concurrency=None if load is None else load.room,
            factors=tuple(_shown(part, reason(part, scene, name)) for part in node.own.parts),
        )

    def _note(self, score: float | None, nodes: Mapping[str, _Node]) -> None:
        known: Series = [({}, score)] if score is not None else []
        self._history.make(names.HEALTH_SCORE.name, known)
        self._history.make(
            names.COMPONENT_HEALTH_SCORE.name,
            [
                ({COMPONENT: name}, node.own.value)
                for name, node in nodes.items()
                if node.own.value is not None
            ],
        )


def _shown(part: Part, text: str) -> FactorHealth:
    factor, query = part.factor, part.factor.query
    name = query.series or query.signal
    return FactorHealth(
        factor=factor.name,
        signal=name if query.derive is None else f"{query.derive.kind} of {name}",
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
    )
