"""Internal errors: faults of the instrumentation, counted and logged once, never raised."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Final

logger: Final = logging.getLogger("vitalspan")


PLACES: Final = (
    *("api", "attribute", "begin", "end", "errors"),
    *("fold", "health", "job", "label", "measure", "profile", "report", "session", "span", "store"),
    "workers",
)
"""Where faults are counted; each is shown from the start, so that its first fault is a rise."""


class InternalErrors:
    """Counts of faults by where they happened."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(PLACES, 0)

    def reset(self) -> None:
        """Start over from zero."""
        self.counts.update(dict.fromkeys(PLACES, 0))

    def note(self, where: str, message: str, *, trace: bool = True) -> None:
        """Count a fault and log the first of its place.

        Args:
            where: one of `PLACES`.
            message: what happened and what becomes of the data.
            trace: whether to log the exception being handled.
        """
        # Two threads may both read the old count: a fault too few is no loss worth a lock.
        count = self.counts[where]
        self.counts[where] = count + 1
        if not count:
            # A user's logging handler or filter may raise, which is no reason to fail a call.
            with suppress(Exception):
                logger.warning(
                    "%s (further faults of this kind are only counted)", message, exc_info=trace
                )
