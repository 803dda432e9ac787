"""The metric families of health."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vitalspan import metrics as names
from vitalspan.exposition.families import MetricFamily, ScalarFamily
from vitalspan.exposition.points import LabelSet
from vitalspan.health.result import Health
from vitalspan.metrics import COMPONENT
from vitalspan.rules.scoring import NO_DATA


def health_families(health: Health, levels: Iterable[str]) -> Iterator[MetricFamily]:
    """Yield the families of health; unknown values have no point.

    Args:
        health: the latest assessment; before the first one there are no families.
        levels: all possible statuses except `no_data`.
    """
    if health.at is None:
        return
    if health.score is not None:
        yield ScalarFamily.single(names.HEALTH_SCORE, health.score)
    states = {status: int(status == health.status) for status in (*levels, NO_DATA)}
    yield ScalarFamily.by_label(names.HEALTH_STATUS, names.HEALTH_STATUS.name, states)
    known_factors = [factor for factor in health.factors if factor.score is not None]
    for family, attribute in (
        (names.HEALTH_FACTOR_SCORE, "score"),
        (names.HEALTH_FACTOR_WEIGHT, "weight"),
        (names.HEALTH_POINTS_LOST, "points_lost"),
    ):
        values = {one.factor: getattr(one, attribute) for one in known_factors}
        yield ScalarFamily.by_label(family, "factor", values)
    yield from _components(health)


def _components(health: Health) -> Iterator[MetricFamily]:
    for family, attribute in (
        (names.COMPONENT_HEALTH_SCORE, "score"),
        (names.COMPONENT_EFFECTIVE_SCORE, "effective_score"),
        (names.COMPONENT_CONCURRENCY, "recommended_concurrency"),
    ):
        values = {one.component: getattr(one, attribute) for one in health.components}
        known = {component: value for component, value in values.items() if value is not None}
        yield ScalarFamily.by_label(family, COMPONENT, known)
    dependencies = [
        LabelSet(((COMPONENT, one.component), ("depends_on", other)))
        for one in health.components
        for other in one.depends_on
    ]
    yield ScalarFamily.info(names.COMPONENT_DEPENDENCY, dependencies)
