"""The labels of operations, and the values that stand for others."""

from __future__ import annotations

from typing import Final

COMPONENT: Final = "component"
OPERATION: Final = "operation"
ERROR_TYPE: Final = "error_type"

OVERFLOW: Final = "_overflow"
"""The value of every label of the series that takes calls beyond `max_series`."""

OTHER: Final = "_OTHER"
"""The error type, after OpenTelemetry's `error.type`, of what the cap on error types leaves out."""

RESERVED_LABELS: Final = frozenset({COMPONENT, OPERATION, ERROR_TYPE, "le", "quantile"})
"""Labels that a user cannot declare: vitalspan or the exposition formats set them."""
