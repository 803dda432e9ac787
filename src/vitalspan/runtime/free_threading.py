"""A warning on Pythons without a global interpreter lock, which recording relies on."""

from __future__ import annotations

import logging
import sys
from typing import Final

_log = logging.getLogger("vitalspan")

_NOTICE: Final = (
    "this Python runs without its global interpreter lock, which vitalspan needs: its counts "
    "may be wrong; start Python with PYTHON_GIL=1 or -X gil=1"
)

_noticed = False


def gil_is_enabled() -> bool:
    """Return whether the global interpreter lock is enabled, as always before CPython 3.13."""
    ask = getattr(sys, "_is_gil_enabled", None)
    return ask is None or bool(ask())


def notice_once() -> None:
    """Log a warning on the first call without a global interpreter lock."""
    global _noticed  # noqa: PLW0603 - once in a process
    if not _noticed and not gil_is_enabled():
        _noticed = True
        _log.warning(_NOTICE)
