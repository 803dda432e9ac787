"""The labels of operations, and the values that replace others."""

from __future__ import annotations

from typing import Final

COMPONENT: Final = "component"
OPERATION: Final = "operation"
ERROR_TYPE: Final = "error_type"

OVERFLOW: Final = "_overflow"
"""The value of every label of the series that counts calls beyond `max_series`."""

OTHER: Final = "_OTHER"
"""The error type for those beyond the limit, named after `error.type` in OpenTelemetry."""

RESERVED_LABELS: Final = frozenset({COMPONENT, OPERATION, ERROR_TYPE, "le", "quantile"})
"""Labels that users cannot declare: vitalspan or the exposition formats set them."""
