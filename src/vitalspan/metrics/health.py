"""The metrics of the health score."""

from __future__ import annotations

from typing import Final

from vitalspan.metrics.family import gauge, info, state_set

HEALTH_SCORE: Final = gauge(
    "health_score", "How well the service does, from 0 to 100; absent while unknown."
)
HEALTH_STATUS: Final = state_set(
    "health_status", "The level that the health score is in, no_data without one."
)
HEALTH_FACTOR_SCORE: Final = gauge(
    "health_factor_score", "What each factor of the health score is at, from 0 to 1."
)
HEALTH_FACTOR_WEIGHT: Final = gauge(
    "health_factor_weight", "Points of the health score that each known factor stands for."
)
HEALTH_POINTS_LOST: Final = gauge(
    "health_factor_points_lost", "Points that each factor takes off the health score."
)
COMPONENT_HEALTH_SCORE: Final = gauge(
    "component_health_score", "How well each component does by itself, from 0 to 100."
)
COMPONENT_EFFECTIVE_SCORE: Final = gauge(
    "component_effective_health_score",
    "The least of the scores of a component and of all that it depends on, from 0 to 100.",
)
COMPONENT_DEPENDENCY: Final = info(
    "component_dependency_info", "Always 1; which component depends on which."
)
COMPONENT_CONCURRENCY: Final = gauge(
    "component_recommended_concurrency",
    "Calls to have room for at once, by Little's law, with some to spare.",
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
