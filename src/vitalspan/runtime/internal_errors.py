"""Internal errors: faults of vitalspan itself, which are counted and logged once, never raised."""

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
"""The places of internal errors; all are shown from the start, so that a first one is a rise."""


class InternalErrors:
    """The counts of internal errors, by the place where they happened."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(PLACES, 0)

    def reset(self) -> None:
        """Start over from zero."""
        self.counts.update(dict.fromkeys(PLACES, 0))

    def note(self, where: str, message: str, *, trace: bool = True) -> None:
        """Count an internal error, and log the first one of its place.

        Args:
            where: the place, one of `PLACES`.
            message: what happened, and what becomes of the data.
            trace: whether to log the current exception.
        """
        # Two threads may both read the old count: a missing error is not worth a lock.
        count = self.counts[where]
        self.counts[where] = count + 1
        if not count:
            # A user's logging handler or filter may raise, which must not make a call fail.
            with suppress(Exception):
                logger.warning(
                    "%s (further faults of this kind are only counted)", message, exc_info=trace
                )
