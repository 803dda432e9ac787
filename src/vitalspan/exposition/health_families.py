"""The metric families about health."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vitalspan import metrics as names
from vitalspan.exposition.families import (
    GaugeFamily,
    InfoFamily,
    MetricFamily,
    StateSetFamily,
)
from vitalspan.exposition.points import LabelSet
from vitalspan.health.result import Health
from vitalspan.metrics import COMPONENT
from vitalspan.rules.scoring import NO_DATA


def health_families(health: Health, levels: Iterable[str]) -> Iterator[MetricFamily]:
    """Yield the families about health; what is not known has no point.

    Args:
        health: as it was assessed last; before the first time there is no family.
        levels: every status that there can be beside `no_data`.
    """
    if health.at is None:
        return
    if health.score is not None:
        yield GaugeFamily.of(names.HEALTH_SCORE, [((), health.score)])
    statuses = (*levels, NO_DATA)
    yield StateSetFamily.of_states(
        names.HEALTH_STATUS, {status: status == health.status for status in statuses}
    )
    known_factors = [factor for factor in health.factors if factor.score is not None]
    for family, attribute in (
        (names.HEALTH_FACTOR_SCORE, "score"),
        (names.HEALTH_FACTOR_WEIGHT, "weight"),
        (names.HEALTH_POINTS_LOST, "points_lost"),
    ):
        yield GaugeFamily.of(
            family, (((("factor", one.factor),), getattr(one, attribute)) for one in known_factors)
        )
    yield from _components(health)


def _components(health: Health) -> Iterator[MetricFamily]:
    for family, attribute in (
        (names.COMPONENT_HEALTH_SCORE, "score"),
        (names.COMPONENT_EFFECTIVE_SCORE, "effective_score"),
        (names.COMPONENT_CONCURRENCY, "recommended_concurrency"),
    ):
        yield GaugeFamily.of(
            family,
            (
                (((COMPONENT, one.component),), value)
                for one in health.components
                if (value := getattr(one, attribute)) is not None
            ),
        )
    dependencies = [
        LabelSet(((COMPONENT, one.component), ("depends_on", other)))
        for one in health.components
        for other in one.depends_on
    ]
    yield InfoFamily.of_labels(names.COMPONENT_DEPENDENCY, dependencies)
