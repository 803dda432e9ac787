"""Internal: the names of all metrics and labels, and the default boundaries.

Each module has the metrics of one area. All other code imports them from this package.
"""

from __future__ import annotations

from typing import Final

from vitalspan.metrics.caches_and_apis import *
from vitalspan.metrics.family import *
from vitalspan.metrics.health import *
from vitalspan.metrics.jobs import *
from vitalspan.metrics.label_names import *
from vitalspan.metrics.operations import *
from vitalspan.metrics.rules_and_alerts import *
from vitalspan.metrics.tasks_and_runtime import *
from vitalspan.metrics.vitalspan_itself import *

SEPARATE_FAMILIES: Final = frozenset(
    {
        *JOB_FAMILIES,
        JOB_OUTCOME,
        *TASK_FAMILIES,
        *RUNTIME_FAMILIES,
        *MODEL_FAMILIES,
        *GEN_AI_FAMILIES,
    }
)
"""The metrics that a registry may have besides a monitor's own, once they are added."""
