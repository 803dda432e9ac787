"""What health looks like as samples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vitalspan import names
from vitalspan.bridge.state import Block, Sample
from vitalspan.health.result import Health
from vitalspan.names import COMPONENT
from vitalspan.rules.scoring import NO_DATA


def health_blocks(health: Health, levels: Iterable[str]) -> Iterator[Block]:
    """Yield the families about health; what is not known has no sample.

    Args:
        health: as it was assessed last; nothing is said before the first time.
        levels: every status that there can be beside `no_data`.
    """
    if health.at is None:
        return
    if health.score is not None:
        yield Block(names.HEALTH_SCORE, [Sample((), health.score)])
    states = (*levels, NO_DATA)
    label = names.HEALTH_STATUS.name
    yield Block(
        names.HEALTH_STATUS,
        [Sample(((label, state),), int(state == health.status)) for state in states],
    )
    known = [one for one in health.factors if one.score is not None]
    for family, attribute in (
        (names.HEALTH_FACTOR_SCORE, "score"),
        (names.HEALTH_FACTOR_WEIGHT, "weight"),
        (names.HEALTH_POINTS_LOST, "points_lost"),
    ):
        yield Block(
            family, [Sample((("factor", one.factor),), getattr(one, attribute)) for one in known]
        )
    yield from _components(health)


def _components(health: Health) -> Iterator[Block]:
    for family, attribute in (
        (names.COMPONENT_HEALTH_SCORE, "score"),
        (names.COMPONENT_EFFECTIVE_SCORE, "effective_score"),
        (names.COMPONENT_CONCURRENCY, "recommended_concurrency"),
    ):
        yield Block(
            family,
            [
                Sample(((COMPONENT, one.component),), value)
                for one in health.components
                if (value := getattr(one, attribute)) is not None
            ],
        )
    yield Block(
        names.COMPONENT_DEPENDENCY,
        [
            Sample(((COMPONENT, one.component), ("depends_on", other)), 1)
            for one in health.components
            for other in one.depends_on
        ],
    )
