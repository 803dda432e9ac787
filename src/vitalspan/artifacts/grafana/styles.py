"""Colors, thresholds and value mappings that panels share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from vitalspan.rules.scoring import DEFAULT_LEVELS

GOOD: Final = "green"
FAIR: Final = "yellow"
POOR: Final = "orange"
BAD: Final = "red"
NEUTRAL: Final = "blue"
UNKNOWN: Final = "gray"
"""The names of Grafana's colors, which it shows differently in its dark and its light theme."""

Thresholds = Sequence[tuple[float | None, str]]
"""Values with the color that begins at each of them. The first color begins at None."""

Mappings = Mapping[float, tuple[str, str]]
"""Values with the text and the color that replace them."""

PLAIN: Final[Thresholds] = ((None, NEUTRAL),)
"""One color for every value."""

HEALTHY, DEGRADED, UNHEALTHY, _ = (int(begin) for _, begin in DEFAULT_LEVELS)
"""The scores at which the default levels begin."""

SCORE: Final[Thresholds] = ((None, BAD), (UNHEALTHY, POOR), (DEGRADED, FAIR), (HEALTHY, GOOD))
"""The colors of a health score."""

FACTOR_SCORE: Final[Thresholds] = tuple((at if at is None else at / 100, to) for at, to in SCORE)
"""The same colors for a score from 0 to 1."""

NO_SCORE: Final = -1
"""The value that replaces a missing score."""

SCORE_OR_NONE: Final[Thresholds] = ((None, UNKNOWN), (0, BAD), *SCORE[1:])
"""The colors of a score, or of the value that replaces it."""

POINTS_LOST: Final[Thresholds] = ((None, GOOD), (1, FAIR), (10, POOR), (20, BAD))
"""The colors of the points that a factor costs."""

BUDGET_LEFT: Final[Thresholds] = ((None, BAD), (0, POOR), (0.25, FAIR), (0.5, GOOD))
"""The colors of the share of an error budget that is left."""

ERROR_RATIO: Final[Thresholds] = ((None, GOOD), (0.01, FAIR), (0.05, POOR), (0.1, BAD))
"""The colors of a share of failed calls."""

CALL_AGE: Final[Thresholds] = ((None, GOOD), (10, FAIR), (60, BAD))
"""The colors of the age of a call in progress, in seconds."""

UTILIZATION: Final[Thresholds] = ((None, GOOD), (0.7, FAIR), (0.9, BAD))
"""The colors of a share that should not come near to 1."""

NONE_EXPECTED: Final[Thresholds] = ((None, GOOD), (1, BAD))
"""The colors of a count that should be 0."""

FEW_EXPECTED: Final[Thresholds] = ((None, GOOD), (1, FAIR))
"""The colors of a count that may be above 0 for a while."""
