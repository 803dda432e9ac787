"""The hook that `opentelemetry-instrument` calls after it has instrumented a program."""

from __future__ import annotations

import os

from vitalspan.errors import VitalspanError
from vitalspan.runtime.internal_errors import logger

_ASKING = ("VITALSPAN_OPERATIONS", "VITALSPAN_INSTRUMENT")


def post_instrument() -> None:
    """Instrument the program if an environment variable asks for it; otherwise do nothing.

    OpenTelemetry makes the spans: this adds the metrics and the operations.
    """
    if not any(os.environ.get(variable, "").strip() for variable in _ASKING):
        return
    from vitalspan.zero_code.instrumentation import Instrumentation  # noqa: PLC0415 - inert until now
    from vitalspan.zero_code.start import apply  # noqa: PLC0415

    environ = {"VITALSPAN_INSTRUMENT": "none", **os.environ}
    environ.pop("VITALSPAN_TRACING", None)
    try:
        apply(Instrumentation.from_environment(environ))
    except VitalspanError as refused:
        logger.warning("vitalspan instruments nothing: %s", refused)
