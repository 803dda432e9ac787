"""The document of health: the score, all of its factors, components and recommendations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vitalspan.health.recommendations.recommendation import Recommendation
from vitalspan.health.result import Health

if TYPE_CHECKING:
    from vitalspan.monitor import Monitor


@dataclass(frozen=True)
class HealthDetail:
    """The health of the service, and recommendations.

    Attributes:
        health: the score, its factors, its components and its trend.
        recommendations: the recommendations, those that gain most first.
    """

    health: Health
    recommendations: tuple[Recommendation, ...]


def health(monitor: Monitor, _: dict[str, Any]) -> HealthDetail:
    """Return the health of the service, and recommendations."""
    return HealthDetail(monitor.health(), tuple(monitor.health.recommendations()))
