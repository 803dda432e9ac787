"""The environment of a process that is instrumented when its Python starts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

VARIABLE: Final = "VITALSPAN_RUN"
"""The variable with the instrumentation, until Python has started."""

SITE: Final = str(Path(__file__).parent / "site")
"""The directory with the module that Python imports when it starts."""


def environment_of(instrumentation: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which the next Python process is instrumented.

    Args:
        instrumentation: what is instrumented, as `start` takes it.
        environ: the other variables.
    """
    path = os.pathsep.join(filter(None, (SITE, environ.get("PYTHONPATH", ""))))
    return {**environ, "PYTHONPATH": path, VARIABLE: instrumentation}
