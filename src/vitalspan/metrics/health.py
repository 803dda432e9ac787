"""The metrics of the health score."""

from __future__ import annotations

from typing import Final

from vitalspan.metrics.family import gauge, info, state_set

HEALTH_SCORE: Final = gauge(
    "health_score", "Health of the service from 0 to 100; absent while nothing is known."
)
HEALTH_STATUS: Final = state_set(
    "health_status",
    "1 for the level of the health score, or for no_data if there is none, and 0 for the others.",
)
HEALTH_FACTOR_SCORE: Final = gauge(
    "health_factor_score", "Score of each factor of the health score, from 0 to 1."
)
HEALTH_FACTOR_WEIGHT: Final = gauge(
    "health_factor_weight",
    "The number of points of the health score that each known factor stands for.",
)
HEALTH_POINTS_LOST: Final = gauge(
    "health_factor_points_lost", "The number of points that each factor takes off the health score."
)
COMPONENT_HEALTH_SCORE: Final = gauge(
    "component_health_score", "Health of each component by itself, from 0 to 100."
)
COMPONENT_EFFECTIVE_SCORE: Final = gauge(
    "component_effective_health_score",
    "The lowest score of a component and everything that it depends on, from 0 to 100.",
)
COMPONENT_DEPENDENCY: Final = info(
    "component_dependency_info", "The dependencies between components; always 1."
)
COMPONENT_CONCURRENCY: Final = gauge(
    "component_recommended_concurrency",
    "The number of concurrent calls to have room for, by Little's law, with some headroom.",
)
HEALTH_FAMILIES: Final = (
    HEALTH_SCORE,
    HEALTH_STATUS,
    HEALTH_FACTOR_SCORE,
    HEALTH_FACTOR_WEIGHT,
    HEALTH_POINTS_LOST,
    COMPONENT_HEALTH_SCORE,
    COMPONENT_EFFECTIVE_SCORE,
)
"""The metrics of the health score, its inputs and its results."""
