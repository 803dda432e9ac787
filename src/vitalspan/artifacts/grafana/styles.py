"""Colours, thresholds and value mappings that panels share."""

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
"""Names of Grafana's colours, which it shows differently in its dark and its light theme."""

Thresholds = Sequence[tuple[float | None, str]]
"""Values with the colour that begins at each of them. The first colour begins at None."""

Mappings = Mapping[float, tuple[str, str]]
"""Values with the text and the colour that stand in their place."""

PLAIN: Final[Thresholds] = ((None, NEUTRAL),)
"""One colour for every value."""

HEALTHY, DEGRADED, UNHEALTHY, _ = (int(begin) for _, begin in DEFAULT_LEVELS)
"""Scores at which the default levels begin."""

SCORE: Final[Thresholds] = ((None, BAD), (UNHEALTHY, POOR), (DEGRADED, FAIR), (HEALTHY, GOOD))
"""Colours of a health score."""

FACTOR_SCORE: Final[Thresholds] = tuple((at if at is None else at / 100, to) for at, to in SCORE)
"""The same colours for a score from 0 to 1."""

NO_SCORE: Final = -1
"""The value in place of a score where there is none."""

SCORE_OR_NONE: Final[Thresholds] = ((None, UNKNOWN), (0, BAD), *SCORE[1:])
"""Colours of a score, or of the value in its place."""

POINTS_LOST: Final[Thresholds] = ((None, GOOD), (1, FAIR), (10, POOR), (20, BAD))
"""Colours of what a factor takes off the score."""

BUDGET_LEFT: Final[Thresholds] = ((None, BAD), (0, POOR), (0.25, FAIR), (0.5, GOOD))
"""Colours of the share of an error budget that is left."""

ERROR_RATIO: Final[Thresholds] = ((None, GOOD), (0.01, FAIR), (0.05, POOR), (0.1, BAD))
"""Colours of a share of failed calls."""

CALL_AGE: Final[Thresholds] = ((None, GOOD), (10, FAIR), (60, BAD))
"""Colours of the age of a call in progress, in seconds."""

UTILIZATION: Final[Thresholds] = ((None, GOOD), (0.7, FAIR), (0.9, BAD))
"""Colours of a share that should not come near to 1."""

NONE_EXPECTED: Final[Thresholds] = ((None, GOOD), (1, BAD))
"""Colours of a count that should be 0."""

FEW_EXPECTED: Final[Thresholds] = ((None, GOOD), (1, FAIR))
"""Colours of a count that may be above 0 for a while."""
